"""The component that redraws a chart in place, called in the orders in which Streamlit calls it."""

import base64
import gzip
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from pages import _plotly_file
from pages._live_chart import CHART, LIBRARY, SETTLED
from tests.conftest import wait_until

LAB = "http://localhost:1/lab"  # where nobody is asked
HARNESS = """
async ([chart, settled, library, file]) => {
    const load = async code => (await import(URL.createObjectURL(
        new Blob([code], { type: "text/javascript" })))).default
    document.body.innerHTML = "<main><div></div></main>"
    const parentElement = document.querySelector("main")
    window.show = (data, show) => show({ data, parentElement })
    window.chart = data => window.show(data, window.drawn)
    window.drawn = await load(chart)
    window.settle = await load(settled)
    window.show({ file }, await load(library))
}
"""
"""What Streamlit does with a component's script: it imports it, and calls it with each new data."""


@pytest.fixture
def alone(page: Page) -> Page:
    """A page with the component's own scripts and plotly, without Streamlit around them."""
    plotly = gzip.decompress(_plotly_file.packed())
    page.route(f"{LAB}/evaluate", lambda route: route.fulfill(body="", content_type="text/html"))
    page.route(f"{LAB}/{_plotly_file.NAME}", lambda route: route.fulfill(body=plotly))
    page.goto(f"{LAB}/evaluate")
    page.evaluate(HARNESS, [CHART, SETTLED, LIBRARY, _plotly_file.NAME])
    wait_until(lambda: page.evaluate("!!window.Plotly"))
    return page


def grown(points: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the two elements of a curve get: the settled part, and the chart."""
    values = base64.b64encode(np.arange(points, dtype="<f4").tobytes()).decode()
    packed = {"dtype": "f4", "bdata": values}
    trace = {"type": "scatter", "x": packed, "y": packed}
    settled = {"data": [trace], "layout": {"height": 100, "uirevision": "same"}}
    of_both = {"stamp": points}
    return (
        {"chart": "curve", "figure": settled, **of_both},
        {"alt": "A curve", "height": 100, "name": "curve", "ends": ["", ""], **of_both},
    )


def points(page: Page) -> int:
    return int(page.evaluate("document.querySelector('main > div')._fullData?.[0].x.length ?? 0"))


def test_a_chart_hears_of_its_settled_part_after_an_overtaken_call_was_cleaned_up(
    alone: Page,
) -> None:
    for count in (40, 50):
        settled, chart = grown(count)
        alone.evaluate("data => { window.cleanUp = window.chart(data) }", chart)
        alone.evaluate("data => window.settle({ data })", settled)
    alone.evaluate("window.cleanUp()")  # as if the last call had come while this one was under way
    settled, chart = grown(60)
    alone.evaluate("data => { window.chart(data) }", chart)
    alone.evaluate("data => window.settle({ data })", settled)

    wait_until(lambda: points(alone) == 60)
    alone.evaluate("document.querySelector('main > div').drawn")
    assert points(alone) == 60  # it has not been purged since


def test_a_chart_that_is_gone_is_heard_of_no_more(alone: Page) -> None:
    settled, chart = grown(40)
    alone.evaluate("data => { window.cleanUp = window.chart(data) }", chart)
    alone.evaluate("data => window.settle({ data })", settled)
    wait_until(lambda: points(alone) == 40)
    asked = """async () => {
        const gone = document.querySelector("main > div")
        gone.remove()
        window.cleanUp()
        await gone.drawn
        gone.waits = true
        window.dispatchEvent(new Event("charts"))
        return [!!gone._fullData, gone.waits]
    }"""

    assert alone.evaluate(asked) == [False, True]
