"""Bring what somebody has just asked for into view, where the screen is too small to show it."""

from uuid import uuid4

import streamlit as st

from pages import _state

JS = """
export default function ({ data: { place, wish }, parentElement }) {
    if (parentElement.wish === wish) return
    parentElement.wish = wish
    const target = document.querySelector(place)
    const top = target?.getBoundingClientRect().top
    if (0 <= top && top < innerHeight * 0.6) return
    const still = matchMedia("(prefers-reduced-motion)").matches
    target?.scrollIntoView({ behavior: still ? "instant" : "smooth" })
}
"""
_scroll = st.components.v2.component("in_view", js=JS, isolate_styles=False)


def ask(place: str) -> None:
    """In a callback: the page is to show this place, a CSS selector, once it has run."""
    _state.IN_VIEW.set(place)


def show(place: str) -> None:
    """Below the place: scroll to it, if that was asked for."""
    if _state.IN_VIEW.get() == place:
        _state.IN_VIEW.forget()
        _scroll(key="unseen_in_view", data={"place": place, "wish": uuid4().hex})
