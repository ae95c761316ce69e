"""A plotly chart that is redrawn in place.

``st.plotly_chart`` of Streamlit 1.67 makes the whole chart anew when its data change: it blinks,
and zoom and hover are lost (streamlit#5107 and #8782). The component below hands the new figure to
``Plotly.react`` instead. It can go, and ``st.plotly_chart`` take its place, once Streamlit does the
same (streamlit#16052).
"""

import gzip
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

CHART = """
export default function ({ data: { figure, alt }, parentElement }) {
    const chart = parentElement.querySelector("div")
    const style = getComputedStyle(parentElement)
    const theme = name => style.getPropertyValue(`--st-${name}`).trim()
    const axis = {
        gridcolor: theme("border-color-light"), zeroline: false, automargin: false,
    }
    const template = { layout: {
        font: { family: theme("font"), color: theme("text-color"), size: 12 },
        colorway: theme("chart-categorical-colors").split(","),
        paper_bgcolor: "transparent",
        plot_bgcolor: "transparent",
        hoverlabel: { bgcolor: theme("background-color"), bordercolor: theme("border-color") },
        xaxis: { ...axis, showgrid: false },
        yaxis: axis,
    } }
    const draw = () => {
        if (chart.isConnected) chart.drawn = Plotly.react(
            chart,
            figure.data,
            { template, ...figure.layout },
            { displayModeBar: false, responsive: true },
        )
    }
    chart.role = "img"
    chart.ariaLabel = alt
    chart.style.height = `${figure.layout.height}px`
    if (window.Plotly) draw()
    else window.addEventListener("plotly", draw, { once: true })
    // Plotly goes on for a moment after a redraw, and fails on a chart that is gone by then.
    return () => chart.drawn?.then(() => Plotly.purge(chart))
}
"""

_library = st.components.v2.component("plotly", js=LIBRARY, isolate_styles=False)
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
    _chart(key=key, data={"figure": figure, "alt": alt})
