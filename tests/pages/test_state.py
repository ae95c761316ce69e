"""What a session remembers: for how long, and what of it stands in the address."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PAGES = Path(__file__).parents[2] / "pages"


def choosing() -> None:
    """A page that shows what is chosen; with ``choose``, the run of a fragment that takes it."""
    import streamlit as st

    from pages import _state

    chosen = _state.RUN if st.session_state["which"] == "run" else _state.COMPARED
    if "choose" in st.session_state:
        chosen.choose(st.session_state.pop("choose"))
    else:
        ids = chosen.get()
        chosen.keep(ids)
        st.write(" ".join(ids))


def page(which: str) -> AppTest:
    app = AppTest.from_function(choosing)
    app.session_state["which"] = which
    return app


def shown(app: AppTest) -> str:
    assert not app.exception
    return str(app.markdown[0].value)


@pytest.mark.parametrize("which", ["run", "compare"])
def test_what_was_just_chosen_outlasts_one_run_with_an_older_address(which: str) -> None:
    app = page(which)
    app.query_params[which] = "old"
    assert shown(app.run()) == "old"
    app.session_state["choose"] = ["new"]
    app.run()
    app.query_params[which] = "old"  # the browser had not heard of the choice yet

    assert shown(app.run()) == "new"
    assert app.query_params[which] == "new"
    app.query_params[which] = "old"  # where the reader went back to
    assert shown(app.run()) == "old"


@pytest.mark.parametrize("which", ["run", "compare"])
def test_a_choice_is_kept_where_the_address_has_none(which: str) -> None:
    app = page(which)
    app.query_params[which] = "one"
    app.run()
    del app.query_params[which]

    assert shown(app.run()) == "one"
    assert app.query_params[which] == "one"


def test_the_address_holds_all_that_can_be_compared_and_none_of_more() -> None:
    app = page("compare")
    app.session_state["choose"] = [*"abcdefgh"]
    assert app.run().query_params["compare"] == "a,b,c,d,e,f,g,h"
    app.session_state["choose"] = [*"abcdefghi"]
    app.run()

    assert "compare" not in app.query_params
    assert shown(app.run()) == "a b c d e f g h i"


def test_an_address_with_a_comma_names_one_run() -> None:
    app = page("run")
    app.query_params["run"] = "a,b"

    assert shown(app.run()) == "a,b"


def test_what_came_of_something_is_said_once_and_in_its_place() -> None:
    def script() -> None:
        import streamlit as st

        from pages import _state

        if st.session_state.pop("fails", False):
            for words in ("First", "Second"):
                notice = _state.Notice(st.error, words, ":material/error:", "Not done")
                _state.leave_notice("deleting", notice)
        else:
            _state.show_notices("importing")
            st.write("Between")
            _state.show_notices("deleting")

    app = AppTest.from_function(script)
    app.session_state["fails"] = True
    app.run()

    app.run()
    assert [element.type for element in list(app.main)[1:]] == ["markdown", "error", "error"]
    assert [error.value for error in app.error] == ["First", "Second"]
    assert not app.run().error


def test_what_is_kept_until_its_page_is_left_is_gone_on_another_one() -> None:
    def script() -> None:
        import streamlit as st

        from pages import _state

        page = st.session_state["page"]
        _state.leave_others(page)
        if page == "Train":
            _state.FORM_SHOWN.set(True)
        st.write(str(_state.FORM_SHOWN.get()))

    app = AppTest.from_function(script)
    for name, kept in (("Train", "True"), ("Train", "True"), ("Runs", "False")):
        app.session_state["page"] = name
        assert shown(app.run()) == kept


def test_keys_of_the_session_are_named_in_one_place() -> None:
    literals = {
        key
        for path in PAGES.glob("*.py")
        for key in re.findall(r'session_state(?:\.\w+\(|\[)\s*"(\w+)"', path.read_text())
    }

    assert not literals


def test_no_two_keys_are_one() -> None:
    from pages import _state

    names = [key.name for key in vars(_state).values() if isinstance(key, _state.Key)]
    assert len(names) > 20
    assert len(names) == len(set(names))
