"""A plotly chart that is redrawn in place.

``st.plotly_chart`` of Streamlit 1.67 makes the whole chart anew when its data change: it blinks,
and zoom and hover are lost (streamlit#5107 and #8782). The component below hands the new figure to
``Plotly.react`` instead. It can go, and ``st.plotly_chart`` take its place, once Streamlit does the
same (streamlit#16052).

Of a curve that grows, nearly all stays as it is. That part is an element of its own, for one that
has not changed is not sent again (from ``global.minCachedMessageSize`` on).
"""

import gzip
import zlib
from importlib.resources import files

import streamlit as st

from mnist_core.figures import Figure

LIBRARY = """
export default async function ({ data }) {
    if (document.getElementById("plotly")) return
    const script = document.createElement("script")
    script.id = "plotly"
    document.head.append(script)
    const unpacked = new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))
    script.onload = () => window.dispatchEvent(new Event("plotly"))
    script.src = URL.createObjectURL(await new Response(unpacked).blob())
}
"""

SETTLED = """
export default function ({ data }) {
    (window.settled ??= {})[data.chart] = data
    window.dispatchEvent(new Event("settled"))
}
"""

CHART = """
export default function ({ data: { figure, alt, name, stamp }, parentElement }) {
    const chart = parentElement.querySelector("div")
    const style = getComputedStyle(parentElement)
    const theme = name => style.getPropertyValue(`--st-${name}`).trim()
    const colours = theme("chart-categorical-colors").split(",")
    const axis = {
        gridcolor: theme("border-color-light"), zeroline: false, automargin: false,
    }
    const template = { layout: {
        font: { family: theme("font"), color: theme("text-color"), size: 12 },
        colorway: colours,
        paper_bgcolor: "transparent",
        plot_bgcolor: "transparent",
        hoverlabel: { bgcolor: theme("background-color"), bordercolor: theme("border-color") },
        xaxis: { ...axis, showgrid: false },
        yaxis: axis,
    } }
    const coloured = trace => {
        const color = colours[trace.meta?.colour]
        const { line, marker } = trace
        return color ? { ...trace, line: { color, ...line }, marker: { color, ...marker } } : trace
    }
    const whole = parts => trace => Object.fromEntries(Object.entries(trace).map(
        ([key, part]) => [
            key,
            part?.bdata === undefined ? part : { ...part, bdata: parts.shift() + part.bdata },
        ]
    ))
    chart.draw = () => {
        const settled = stamp ? window.settled?.[name] : { stamp, parts: [] }
        // What is settled may still be on its way, or of a later figure, which then is.
        if (!window.Plotly || !chart.isConnected || settled?.stamp !== stamp) return
        chart.drawn = Plotly.react(
            chart,
            figure.data.map(whole([...settled.parts])).map(coloured),
            { template, ...figure.layout },
            { displayModeBar: false, responsive: true },
        )
    }
    chart.role = "img"
    chart.ariaLabel = alt
    chart.style.height = `${figure.layout.height}px`
    chart.draw()
    if (!chart.drawAgain) {
        chart.drawAgain = () => chart.draw()
        window.addEventListener("plotly", chart.drawAgain)
        window.addEventListener("settled", chart.drawAgain)
    }
    return () => {
        window.removeEventListener("plotly", chart.drawAgain)
        window.removeEventListener("settled", chart.drawAgain)
        // Plotly goes on for a moment after a redraw, and fails on a chart that is gone by then.
        chart.drawn?.then(() => Plotly.purge(chart))
    }
}
"""

NEWEST = 64  # characters of an array that may change: the last bucket of a curve, 12 bytes a point

_library = st.components.v2.component("plotly", js=LIBRARY, isolate_styles=False)
_settled = st.components.v2.component("settled_curves", js=SETTLED, isolate_styles=False)
_chart = st.components.v2.component(
    "live_chart", html="<div></div>", js=CHART, isolate_styles=False
)


def load_plotly() -> None:
    """Bring plotly's JavaScript into the page; to be called once in a page with live charts."""
    _library(key="plotly", data=_packed_plotly())


@st.cache_resource(show_spinner=False)
def _packed_plotly() -> bytes:
    source = files("plotly") / "package_data" / "plotly.min.js"
    return gzip.compress(source.read_bytes(), compresslevel=6)


def live_chart(figure: Figure, key: str, alt: str) -> None:
    """Draw a figure, or redraw the one with this key.

    Args:
        figure: with a fixed height and a ``uirevision``, as all of ``mnist_core.figures`` have.
        alt: what the chart shows, for those who can't see it.
    """
    figure, parts = _parted(figure)
    stamp = zlib.crc32("".join(parts).encode())
    if stamp:
        data = {"chart": key, "stamp": stamp, "parts": parts}
        _settled(key=f"{key}_settled", data=data)
    _chart(key=key, data={"figure": figure, "alt": alt, "name": key, "stamp": stamp})


def _parted(figure: Figure) -> tuple[Figure, list[str]]:
    """A figure without what is settled of its long arrays, and that, in their order.

    Settled is what will be the same in the next figures: all but the end, by a quarter of a power
    of two, so that it seldom changes.
    """
    figure = figure | {"data": [{**trace} for trace in figure["data"]]}
    parts = []
    for trace in figure["data"]:
        for name, array in trace.items():
            if isinstance(array, dict) and "bdata" in array:
                packed = array["bdata"]
                quarter = (1 << len(packed).bit_length() - 1) // 4
                end = max(0, len(packed) - NEWEST) // quarter * quarter
                parts.append(packed[:end])
                trace[name] = array | {"bdata": packed[end:]}
    return figure, parts
