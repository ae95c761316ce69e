"""What many sessions look at is looked up once, kept while it is the same, and let go with them."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages._shared import Shared, shared


def test_of_many_who_ask_at_once_one_looks() -> None:
    began, go_on, looks = threading.Event(), threading.Event(), []

    def look() -> object:
        looks.append(threading.get_ident())
        began.set()
        go_on.wait()
        return object()

    view = Shared(look, seconds=60)
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(view.get) for _ in range(8)]
        assert began.wait(10)
        go_on.set()
        found = {answer.result() for answer in answers}

    assert len(looks) == len(found) == 1


def test_it_looks_again_where_the_version_differs_or_time_has_passed() -> None:
    facts, versions = iter(range(10)), [1]
    view = Shared(lambda: next(facts), seconds=60, version=lambda: versions[-1])
    assert view.peek() is None  # nobody has looked
    assert (view.get(), view.get()) == (0, 0)
    assert view.peek() == 0

    versions.append(2)
    assert view.peek() is None
    assert view.get() == 1

    always = Shared(lambda: next(facts), seconds=0)
    assert always.get() != always.get()


def test_what_is_equal_stays_the_same_object() -> None:
    view = Shared(lambda: ["a run"], seconds=0)
    first = view.get()

    assert view.get() is first


def test_a_look_that_fails_fails_for_who_asked_and_is_tried_again() -> None:
    answers = iter([1])

    def look() -> int:
        try:
            return next(answers)
        except StopIteration:
            raise ValueError("damaged") from None

    view = Shared(look, seconds=0)
    assert view.get() == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="damaged"):
            view.get()


def test_all_sessions_have_the_same_one_as_long_as_anybody_holds_it() -> None:
    made: list[str] = []

    def make() -> Shared[str]:
        made.append("once more")
        return Shared(lambda: "a run", seconds=60)

    one = shared("key of this test", make)
    other = shared("key of this test", make)
    assert one is other
    assert len(made) == 1

    del one, other
    gc.collect()
    shared("key of this test", make)
    assert len(made) == 2
