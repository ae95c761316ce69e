"""A canvas for a pen: mouse, stylus or finger, with Undo and Clear.

The browser owns the strokes, so that nothing drawn, undone or cleared waits for the server, and
nothing that the server says later takes a stroke away. It keeps them for its tab, so that they
survive a reload. The server hears of every change.
"""

from collections.abc import Callable

import streamlit as st

from mnist_core.drawing.strokes import MOST_POINTS

SIDE = 280  # what strokes are measured in: so many to the canvas's side, however large it is

HTML = """
<canvas class="pen-canvas" role="img"></canvas>
<div class="pen-tools">
  <button type="button"><span translate="no" aria-hidden="true">undo</span>Undo</button>
  <button type="button"><span translate="no" aria-hidden="true">delete</span>Clear</button>
</div>
"""

# The buttons look like Streamlit's, whose popover for the pen stands in one row with them. All of
# them are 44 px high, for fingers.
CSS = """
.pen-canvas {
    display: block; width: 100%; aspect-ratio: 1; cursor: crosshair;
    outline: 1px solid var(--st-border-color);
    touch-action: none; user-select: none; -webkit-user-select: none;
    -webkit-touch-callout: none; -webkit-tap-highlight-color: transparent;
}
.pen-tools { display: flex; gap: 0.5rem; margin-top: 0.5rem; }
.pen-tools button, .st-key-pen button { min-height: 2.75rem; }
.pen-tools button {
    display: flex; align-items: center; gap: 0.5rem;
    padding: 0.25rem 0.75rem; font: inherit; font-size: 0.875rem; cursor: pointer;
    color: inherit; background: color-mix(in srgb, var(--st-background-color), white 2%);
    border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
}
.pen-tools button:hover { color: var(--st-primary-color); border-color: currentColor; }
.pen-tools button:focus-visible {
    outline: none; border-color: var(--st-primary-color);
    box-shadow: 0 0 0 0.2rem color-mix(in srgb, var(--st-primary-color) 50%, transparent);
}
.pen-tools button[aria-disabled=true] {
    color: color-mix(in srgb, var(--st-text-color) 40%, transparent);
    border-color: var(--st-border-color); cursor: not-allowed;
}
.pen-tools span { font: 1rem/1 "Material Symbols Rounded"; }
div:has(> .st-key-pen) { position: relative; align-self: flex-end; margin-top: -3.75rem; }
"""

# It is called again whenever the data or the theme change, in the middle of a stroke, too: what
# is drawn is kept on the canvas itself.
JS = """
const KEPT = "digit-lab-drawing"

// A browser may be set to keep nothing: then a drawing lasts until the page is loaded again.
const kept = () => {
    try { return JSON.parse(sessionStorage.getItem(KEPT)) } catch { return null }
}
const keep = strokes => {
    try { sessionStorage.setItem(KEPT, JSON.stringify(strokes)) } catch { return }
}

// Wherever the focus is, but where text is typed; for as long as there is this canvas.
const undoByKey = canvas => document.addEventListener("keydown", function listen(event) {
    if (!canvas.isConnected) return document.removeEventListener("keydown", listen)
    const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === "z"
    if (isUndo && !event.target.closest("input, textarea")) canvas.undo()
})

export default function ({ data, parentElement, setStateValue }) {
    const { side, pen, most } = data
    const canvas = parentElement.querySelector("canvas")
    const [undo, clear] = parentElement.querySelectorAll("button")
    const ink = canvas.getContext("2d")
    const isNew = !canvas.drawn
    const drawn = canvas.drawn ??= { strokes: kept() ?? data.strokes, stroke: null }

    const show = canvas.show = () => {
        canvas.width = canvas.height = Math.round(canvas.clientWidth * devicePixelRatio)
        ink.scale(canvas.width / side, canvas.width / side)
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
        const { length } = drawn.strokes
        const words = ["nothing yet", "1 stroke"][length] ?? `${length} strokes`
        canvas.ariaLabel = `What you have drawn: ${words}`
        // Not disabled, which would take the focus away from whoever has just pressed one.
        undo.ariaDisabled = clear.ariaDisabled = !length
    }
    const change = strokes => {
        drawn.strokes = strokes
        keep(strokes)
        show()
        setStateValue("strokes", strokes)
    }
    canvas.undo = undo.onclick = () => {
        if (drawn.strokes.length) change(drawn.strokes.slice(0, -1))
    }
    clear.onclick = () => {
        if (drawn.strokes.length) change([])
    }

    const far = ([x, y], [toX, toY]) => Math.hypot(toX - x, toY - y)
    const extend = event => {
        const { left, top, width } = canvas.getBoundingClientRect()
        const passed = event.getCoalescedEvents?.() ?? []
        for (const { clientX, clientY } of passed.length ? passed : [event]) {
            const point = [clientX - left, clientY - top].map(
                along => Math.round(10 * along * side / width) / 10
            )
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
    if (isNew) {
        new ResizeObserver(() => canvas.show()).observe(canvas)
        undoByKey(canvas)
        // After a reload, the server has never heard of them.
        if (JSON.stringify(drawn.strokes) !== JSON.stringify(data.strokes))
            setStateValue("strokes", drawn.strokes)
    }
}
"""

_canvas = st.components.v2.component("pen_canvas", html=HTML, css=CSS, js=JS, isolate_styles=False)


def pen_canvas(
    strokes: list[list[list[float]]],
    pen: int,
    key: str,
    on_change: Callable[[], None],
) -> None:
    """Show a black square to draw on in white, as wide as its place, with its tools below.

    Args:
        strokes: what is drawn by now, ``[[[x, y], ...], ...]`` in parts of the canvas, of which
            there are 280 on each side. A canvas goes on with these where the browser's tab has kept
            none, which may be newer.
        pen: the width of all that is drawn, in the same parts.
        on_change: called when ``st.session_state[key]["strokes"]`` holds other strokes. They come
            from a browser: ``drawing.check_strokes`` before use.
    """
    _canvas(
        key=key,
        data={"strokes": strokes, "side": SIDE, "pen": pen, "most": MOST_POINTS},
        on_strokes_change=on_change,
    )
