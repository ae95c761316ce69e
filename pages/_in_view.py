"""Bring what somebody has just asked for into view, where the screen is too small to show it."""

from uuid import uuid4

import streamlit as st

from pages import _state

JS = """
export default function ({ data: { place, wish } }) {
    if (window.lastWish === wish) return
    window.lastWish = wish
    const still = matchMedia("(prefers-reduced-motion)").matches
    // The place may be drawn later, and what comes or goes above it moves it: until it stays there.
    let looks = 0, seen = 0
    const looking = setInterval(() => {
        const target = document.querySelector(place)
        const top = target?.getBoundingClientRect().top
        seen = 0 <= top && top < innerHeight * 0.6 ? seen + 1 : 0
        if (target && !seen && looks % 8 === 0) {
            target.scrollIntoView({ behavior: still || looks ? "instant" : "smooth" })
        }
        if (++looks > 100 || seen > 10) stop()
    }, 100)
    const people = ["wheel", "touchstart", "keydown", "pointerdown"]
    const stop = () => {
        clearInterval(looking)
        people.forEach(kind => removeEventListener(kind, stop, true))
    }
    people.forEach(kind => addEventListener(kind, stop, true))
}
"""
_scroll = st.components.v2.component("in_view", js=JS, isolate_styles=False)


def ask(place: str) -> None:
    """In a callback: the page is to show this place, a CSS selector, once it has run."""
    _state.IN_VIEW.set((place, uuid4().hex))


def show(place: str) -> None:
    """Below the place: scroll to it, if that was asked for.

    The wish stays, for a run of the page that grants it may be cut short by the next one; that it
    was granted, the browser remembers.
    """
    wanted, wish = _state.IN_VIEW.get()
    if wanted == place:
        _scroll(key="unseen_in_view", data={"place": place, "wish": wish})
