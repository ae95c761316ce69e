"""A canvas for a pen: mouse, stylus or finger, with Undo and Clear.

The browser owns the strokes, so that nothing drawn, undone or cleared waits for the server, and
nothing that the server says later takes a stroke away. The server hears of every change, and only
a canvas that is new on the page takes the server's strokes.
"""

from collections.abc import Callable

import streamlit as st

from mnist_core.drawing.strokes import MOST_POINTS

HTML = """
<canvas class="pen-canvas" role="img" aria-label="What you have drawn"></canvas>
<div class="pen-tools">
  <button type="button"><span translate="no" aria-hidden="true">undo</span>Undo</button>
  <button type="button"><span translate="no" aria-hidden="true">delete</span>Clear</button>
</div>
"""

# The buttons look like Streamlit's, whose popover for the pen stands in one row with them.
CSS = """
.pen-canvas {
    display: block; outline: 1px solid var(--st-border-color); cursor: crosshair;
    touch-action: none; user-select: none; -webkit-user-select: none;
    -webkit-touch-callout: none; -webkit-tap-highlight-color: transparent;
}
.pen-tools { display: flex; gap: 0.5rem; margin-top: 1rem; }
.pen-tools button {
    position: relative; display: flex; align-items: center; gap: 0.5rem;
    min-height: 2.5rem; padding: 0.25rem 0.75rem; font: inherit; font-size: 0.875rem;
    cursor: pointer;
    color: inherit; background: color-mix(in srgb, var(--st-background-color), white 2%);
    border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
}
.pen-tools button::after { content: ""; position: absolute; inset: -3px; }  /* 44 px for a finger */
.pen-tools button:hover { color: var(--st-primary-color); border-color: currentColor; }
.pen-tools button:focus-visible {
    outline: none; border-color: var(--st-primary-color);
    box-shadow: 0 0 0 0.2rem color-mix(in srgb, var(--st-primary-color) 50%, transparent);
}
.pen-tools button:disabled {
    color: color-mix(in srgb, var(--st-text-color) 40%, transparent);
    border-color: var(--st-border-color); cursor: not-allowed;
}
.pen-tools span { font: 1rem/1 "Material Symbols Rounded"; }
div:has(> .st-key-pen) { position: relative; align-self: flex-end; margin-top: -3.5rem; }
"""

# It is called again whenever the data or the theme change, in the middle of a stroke, too: what
# is drawn is kept on the canvas itself.
JS = """
export default function ({ data, parentElement, setStateValue }) {
    const { side, pen, most } = data
    const canvas = parentElement.querySelector("canvas")
    const [undo, clear] = parentElement.querySelectorAll("button")
    const ink = canvas.getContext("2d")
    const drawn = canvas.drawn ??= { strokes: data.strokes, stroke: null }
    canvas.style.width = canvas.style.height = `${side}px`

    const show = () => {
        const scale = devicePixelRatio
        canvas.width = canvas.height = Math.round(side * scale)
        ink.scale(scale, scale)
        ink.fillRect(0, 0, side, side)
        ink.strokeStyle = "white"
        ink.lineCap = ink.lineJoin = "round"
        ink.lineWidth = pen
        for (const points of drawn.stroke ? [...drawn.strokes, drawn.stroke] : drawn.strokes) {
            const [lastX, lastY] = points.at(-1)
            ink.beginPath()
            ink.moveTo(...points[0])
            for (let i = 1; i < points.length - 1; i++) {
                const [[x, y], [nextX, nextY]] = [points[i], points[i + 1]]
                ink.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2)
            }
            ink.lineTo(lastX + 0.01, lastY)  // not every browser draws a line of no length
            ink.stroke()
        }
        undo.disabled = clear.disabled = !drawn.strokes.length
    }
    const change = strokes => {
        drawn.strokes = strokes
        show()
        setStateValue("strokes", strokes)
    }
    undo.onclick = () => change(drawn.strokes.slice(0, -1))
    clear.onclick = () => change([])

    const far = ([x, y], [toX, toY]) => Math.hypot(toX - x, toY - y)
    const extend = event => {
        const { left, top } = canvas.getBoundingClientRect()
        const passed = event.getCoalescedEvents?.() ?? []
        for (const { clientX, clientY } of passed.length ? passed : [event]) {
            const point = [clientX - left, clientY - top].map(along => Math.round(10 * along) / 10)
            const isNew = !drawn.stroke.length || far(point, drawn.stroke.at(-1)) >= 1
            if (isNew && drawn.stroke.length < drawn.room) drawn.stroke.push(point)
        }
        show()
    }
    canvas.onpointerdown = event => {
        if (event.button || !event.isPrimary || drawn.stroke) return
        drawn.room = most - drawn.strokes.flat().length
        if (!drawn.room) return
        canvas.setPointerCapture(event.pointerId)
        drawn.stroke = []
        drawn.pointer = event.pointerId
        extend(event)
    }
    canvas.onpointermove = canvas.onpointerup = event => {
        if (drawn.stroke && event.pointerId === drawn.pointer) extend(event)
    }
    canvas.onlostpointercapture = () => {  // after pointerup, and after pointercancel
        const stroke = drawn.stroke
        drawn.stroke = null
        // A click trembles: what stays within half the pen's width looks like a dot and is one.
        if (stroke.every(point => far(point, stroke[0]) < pen / 2)) stroke.length = 1
        change([...drawn.strokes, stroke])
    }
    show()
}
"""

_canvas = st.components.v2.component("pen_canvas", html=HTML, css=CSS, js=JS, isolate_styles=False)


def pen_canvas(
    strokes: list[list[list[float]]],
    side: int,
    pen: int,
    key: str,
    on_change: Callable[[], None],
) -> None:
    """Show a black square to draw on in white, with its tools below.

    Args:
        strokes: what is drawn by now, ``[[[x, y], ...], ...]`` in pixels. Streamlit may put a new
            canvas in the place of one at any run of the page, and it goes on with these; one that
            is there keeps its own, which may be newer.
        side: of the square, in pixels.
        pen: the width of all that is drawn, in pixels.
        on_change: called when ``st.session_state[key]["strokes"]`` holds other strokes. They come
            from a browser: ``drawing.check_strokes`` before use.
    """
    _canvas(
        key=key,
        data={"strokes": strokes, "side": side, "pen": pen, "most": MOST_POINTS},
        on_strokes_change=on_change,
    )
