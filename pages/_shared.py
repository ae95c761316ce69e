"""What many sessions look at, looked up by one of them for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import streamlit as st

T = TypeVar("T")


class Shared(Generic[T]):
    """The newest of something, the same object for all until it is another one.

    Several threads may ask at once: one looks, the others wait for what it finds.

    Args:
        look: what it is now.
        seconds: how long what was found is taken for the newest.
        version: differs once ``look`` finds something else before that; quick, and raises nothing.
    """

    def __init__(
        self, look: Callable[[], T], seconds: float, version: Callable[[], Hashable] = lambda: None
    ) -> None:
        self._look, self._seconds, self._version = look, seconds, version
        self._lock = threading.Lock()
        self._found: tuple[float, Hashable, T] | None = None

    def get(self) -> T:
        """What it is now; raises what ``look`` raises."""
        with self._lock:
            if self._found is None or not self._is_newest(*self._found):
                began, version = time.monotonic(), self._version()
                before, now = self._found, self._look()
                self._found = began, version, before[2] if before and before[2] == now else now
            return self._found[2]

    def peek(self) -> T | None:
        """The same where that is known without a look, else None; quick, and raises nothing."""
        found = self._found
        return found[2] if found and self._is_newest(*found) else None

    def _is_newest(self, looked: float, version: Hashable, _: T) -> bool:
        return time.monotonic() - looked < self._seconds and version == self._version()


class _All:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_key: WeakValueDictionary[Hashable, Shared[Any]] = WeakValueDictionary()


@st.cache_resource(show_spinner=False)
def _all() -> _All:
    return _All()


def shared(key: Hashable, make: Callable[[], Shared[T]]) -> Shared[T]:
    """The one of that key; it is forgotten once no session holds it any more."""
    with _all().lock:
        found: Shared[T] | None = _all().by_key.get(key)
        if found is None:
            found = _all().by_key[key] = make()
        return found
