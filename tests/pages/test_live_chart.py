"""The chart that is redrawn in place: what reaches the browser. Drawing itself: tests/browser."""

import gzip
import json
from typing import Any

from streamlit.testing.v1 import AppTest


def script(values: list[float]) -> None:
    import numpy as np
    import streamlit as st

    from mnist_core.figures import input_strip
    from pages._live_chart import live_chart, load_plotly

    values = st.session_state.get("values", values)
    live_chart(input_strip(np.array(values, np.float32)), key="strip", alt="The inputs")
    load_plotly()


def elements(app: AppTest) -> list[Any]:
    assert not app.exception
    return [element.proto for element in app.get("bidi_component")]


def test_the_figure_reaches_the_browser_with_its_description() -> None:
    chart, _ = elements(AppTest.from_function(script, args=([0.0, 0.5],)).run())

    received = json.loads(chart.json)
    assert received["alt"] == "The inputs"
    assert received["figure"]["data"][0]["y"] == [0, 0.5]


def test_a_changed_figure_is_for_the_same_element() -> None:
    app = AppTest.from_function(script, args=([0.0, 0.5],)).run()
    before, library_before = elements(app)
    app.session_state["values"] = [1.0]
    after, library_after = elements(app.run())

    assert before.id == after.id
    assert json.loads(after.json)["figure"]["data"][0]["y"] == [1]
    assert library_before == library_after  # so that it is not sent again


def test_the_library_is_plotlys() -> None:
    _, library = elements(AppTest.from_function(script, args=([0.0],)).run())

    assert b"plotly.js" in gzip.decompress(library.bytes)[:100]
