"""The chart that is redrawn in place: what reaches the browser. Drawing itself: tests/browser."""

import base64
import gzip
import json
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from pages import _plotly_file


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

    assert json.loads(library.json) == {"file": _plotly_file.NAME}
    assert b"plotly.js" in gzip.decompress(_plotly_file.packed())[:100]


def growing(points: int) -> None:
    import base64

    import numpy as np
    import streamlit as st

    from pages._live_chart import live_chart

    values = np.arange(st.session_state.get("points", points), dtype="<f4")
    packed = {"dtype": "f4", "bdata": base64.b64encode(values.tobytes()).decode()}
    layout = {"height": 100}
    live_chart({"data": [{"x": packed, "y": packed}], "layout": layout}, key="curve", alt="A curve")


def received(app: AppTest) -> tuple[dict[str, Any], list[str], set[int]]:
    """The settled part of a figure, the ends of its arrays, and what says that they go together."""
    chart, settled = (json.loads(element.json) for element in elements(app))
    return settled["figure"], chart["ends"], {settled["stamp"], chart["stamp"]}


def test_what_is_settled_of_a_curve_is_an_element_that_stays_the_same() -> None:
    app = AppTest.from_function(growing, args=(1_000,)).run()
    settled, ends, stamps = received(app)
    app.session_state["points"] = 1_080
    settled_after, ends_after, stamps_after = received(app.run())
    (trace,) = settled["data"]

    assert settled == settled_after  # so that it is not sent again
    assert len(stamps | stamps_after) == 1
    for points, found in ((1_000, ends), (1_080, ends_after)):
        for axis, end in zip("xy", found, strict=True):
            assert len(end) < len(trace[axis]["bdata"]) / 2
            values = np.frombuffer(base64.b64decode(trace[axis]["bdata"] + end), "<f4")
            assert values.tolist() == list(range(points))


def test_what_is_settled_is_told_from_what_was() -> None:
    app = AppTest.from_function(growing, args=(1_000,)).run()
    _, _, before = received(app)
    app.session_state["points"] = 1_500
    _, _, after = received(app.run())

    assert len(before) == len(after) == 1
    assert before != after
