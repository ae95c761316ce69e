"""A plotly chart that is redrawn in place.

``st.plotly_chart`` of Streamlit 1.67 makes the whole chart anew when its data change: it blinks,
and zoom and hover are lost (streamlit#5107 and #8782). The component below hands the new figure to
``Plotly.react`` instead. It can go, and ``st.plotly_chart`` take its place, once Streamlit does the
same (streamlit#16052).

Of a curve that grows, all but its end stays as it is. That is an element of its own, for one that
has not changed is not sent again (from ``global.minCachedMessageSize`` on).
"""

import json
import zlib
from collections.abc import Callable
from typing import Any

import streamlit as st

from mnist_core.figures import Figure
from pages import _plotly_file

# What is in an element's own script goes with it each time that it changes: as little as can be.
LIBRARY = """
export default function ({ data: { file } }) {
    if (window.drawChart) return
    window.drawChart = drawChart
    const script = document.createElement("script")
    script.onload = () => window.dispatchEvent(new Event("charts"))
    script.src = location.pathname.replace(/[^/]*$/, file)
    document.head.append(script)
}

function drawChart(chart) {
    const { figure, name, stamp, ends } = chart.shown
    const whole = stamp ? window.settled?.[name] : { figure }
    // What is settled may still be on its way, or of a later figure, which then is.
    chart.waits = !window.Plotly || whole?.stamp !== stamp
    if (chart.waits || !chart.isConnected) return
    const style = getComputedStyle(chart)
    const theme = name => style.getPropertyValue(`--st-${name}`).trim()
    const colours = theme("chart-categorical-colors").split(",")
    const shades = theme("chart-sequential-colors").split(",")
    const axis = {
        gridcolor: theme("border-color-light"), zeroline: false, automargin: false,
    }
    const colorscale = shades.map((shade, i) => [i / (shades.length - 1), shade])
    const template = { data: { heatmap: [{ colorscale }] }, layout: {
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
        const { line, marker, textfont } = trace
        const own = { line: { color, ...line }, marker: { color, ...marker } }
        return color ? { ...trace, ...own, textfont: { color, ...textfont } } : trace
    }
    const rest = [...ends]
    const lengthened = trace => Object.fromEntries(Object.entries(trace).map(([key, part]) => [
        key, part?.bdata === undefined ? part : { ...part, bdata: part.bdata + rest.shift() },
    ]))
    const { data, layout } = structuredClone(whole.figure)  // for plotly writes into it
    chart.drawn = Plotly.react(
        chart,
        data.map(lengthened).map(coloured),
        { template, ...layout },
        { displayModeBar: false, responsive: true },
    )
    if (!chart.hears) {
        chart.hears = true
        chart.on("plotly_click", ({ points: [{ customdata }] }) => {
            if (customdata !== undefined) chart.tell("clicked", customdata)
        })
    }
}
"""

SETTLED = """
export default function ({ data }) {
    (window.settled ??= {})[data.chart] = data
    window.dispatchEvent(new Event("charts"))
}
"""

CHART = """
export default function ({ data, parentElement, setTriggerValue }) {
    const chart = parentElement.querySelector("div")
    chart.role = "img"
    chart.ariaLabel = data.alt
    chart.style.height = `${data.height}px`
    chart.shown = data
    chart.tell = data.clicks ? setTriggerValue : () => {}
    chart.waits = true
    chart.draw ??= () => chart.waits && window.drawChart?.(chart)
    window.addEventListener("charts", chart.draw)
    chart.draw()
    return () => {
        // Streamlit cleans up after a call, too, that a newer one for this chart has overtaken.
        if (chart.isConnected) return
        window.removeEventListener("charts", chart.draw)
        // Plotly goes on for a moment after a redraw, and fails on a chart that is gone by then.
        chart.drawn?.then(() => Plotly.purge(chart))
    }
}
"""

NEWEST = 96  # characters of an array that may change: the last bucket of a curve, in four columns

_library = st.components.v2.component("plotly", js=LIBRARY, isolate_styles=False)
_settled = st.components.v2.component("settled_curves", js=SETTLED, isolate_styles=False)
_chart = st.components.v2.component(
    "live_chart", html="<div></div>", js=CHART, isolate_styles=False
)


def load_plotly() -> None:
    """Bring plotly's JavaScript into the page; to be called once in a page with live charts."""
    _library(key="plotly", data={"file": _plotly_file.NAME})


def live_chart(
    figure: Figure, key: str, alt: str, on_click: Callable[[Any], None] | None = None
) -> None:
    """Draw a figure, or redraw the one with this key.

    Args:
        figure: with a fixed height and a ``uirevision``, as all of ``mnist_core.figures`` have.
        alt: what the chart shows, for those who can't see it.
        on_click: called with the ``customdata`` of a point that is clicked on, which comes from a
            browser: it may be anything.
    """

    def clicked() -> None:
        if on_click and (told := st.session_state[key].clicked) is not None:
            on_click(told)

    settled, ends = _parted(figure)
    stamp = zlib.crc32(json.dumps(settled).encode()) if ends else None
    data = {"alt": alt, "height": figure["layout"]["height"], "name": key, "ends": ends}
    data |= {"clicks": on_click is not None}
    with st.container(gap=None):  # what shows nothing takes no room
        # The chart first: where it moved up or down, Streamlit would make it anew.
        _chart(
            key=key,
            data=data | ({"stamp": stamp} if ends else {"figure": figure}),
            on_clicked_change=clicked,
        )
        if ends:
            whole = {"chart": key, "stamp": stamp, "figure": settled}
            _settled(key=f"{key}_settled", data=whole)


def _parted(figure: Figure) -> tuple[Figure, list[str]]:
    """A figure without the ends of its packed arrays, and those, in their order.

    Where an array is cut, it seldom changes while it grows: by a quarter of a power of two.
    """
    settled = figure | {"data": [{**trace} for trace in figure["data"]]}
    ends = []
    for trace in settled["data"]:
        for name, array in trace.items():
            if isinstance(array, dict) and "bdata" in array:
                packed = array["bdata"]
                quarter = (1 << len(packed).bit_length() - 1) // 4
                cut = max(0, len(packed) - NEWEST) // quarter * quarter
                trace[name] = array | {"bdata": packed[:cut]}
                ends.append(packed[cut:])
    return settled, ends
