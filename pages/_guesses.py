"""Addresses that people guess, and the pages that they mean."""

from difflib import get_close_matches

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mnist_core.data import known

BEGINNINGS = {
    "": ("train", "fit", "home", "start", "index", "main", "app", "dash"),
    "evaluate": ("eval", "test", "result", "confusion", "mistake", "report", "accurac"),
    "draw": ("draw", "paint", "sketch", "canvas", "predict", "recogn"),
    "runs": ("run", "compar", "leader", "histor", "model", "experiment", "network"),
    "learn": ("learn", "teach", "lesson", "tutorial", "class", "explain"),
    "data": ("data", "image", "picture", "download", "upload", "import", *known.SPECS),
}
"""Of what is asked for, by the page's own address, which is empty for the first one."""


def page_meant(name: str) -> str | None:
    """The address of the page that is meant by ``name``, e.g. ``"evaluate"`` by ``"Evaluation"``.

    None: nobody can say.
    """
    word = name.rstrip("/").rpartition("/")[2].lower()
    for page, beginnings in BEGINNINGS.items():
        if word.startswith(beginnings):
            return page
    names = {"train": ""} | {page: page for page in BEGINNINGS if page}
    alike = get_close_matches(word, names, n=1, cutoff=0.7)
    return names[alike[0]] if alike else None


def lead_on() -> Middleware:
    """What stands before all routes: :class:`Guesses`, with the path that this server is below."""
    return Middleware(Guesses, base=st.get_option("server.baseUrlPath"))


class Guesses:
    """Sends a browser on that opens an address which no page has: to the page that is meant.

    Streamlit would open the first page, below a notice that there is no such one.
    """

    def __init__(self, app: ASGIApp, base: str) -> None:
        self.app = app
        self.base = f"/{base.strip('/')}/" if base.strip("/") else "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._other_page(scope)
        if page is None:
            await self.app(scope, receive, send)
        else:
            await RedirectResponse(page)(scope, receive, send)

    def _other_page(self, scope: Scope) -> str | None:
        """Where to go, seen from the address, which a proxy may have shortened; None: nowhere."""
        # What the pages are made of, scripts among them, is not asked for as a document.
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            return None
        name = scope["path"].removeprefix(self.base)
        page = page_meant(name)
        if page is None or name == page:
            return None
        query = scope["query_string"].decode("latin-1")
        return f"{'../' * name.count('/') or './'}{page}{'?' if query else ''}{query}"
