"""The server before any page: whom it answers, and the browser that it opens.

A page of a stranger, open in the browser of somebody who uses the dashboard, can reach it as well
as they: by a name of the stranger's own that leads here (DNS rebinding), from another port of this
machine, or in a frame. Streamlit's own settings keep out the first from the websocket alone, and
the others not at all.
"""

import asyncio
import logging
import re
import webbrowser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server import server_util

from mnist_core.settings import HOST, Settings

THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
PORTS = {"http": ":80", "https": ":443"}
"""What an origin leaves out."""


def our_hosts_only() -> Middleware:
    """What stands before all routes: :class:`OurHosts`, with the names of this server.

    Raises:
        SystemExit: an environment variable has a value that is not allowed.
    """
    try:
        named = Settings.from_environment().hosts
    except ValueError as error:
        raise SystemExit(str(error)) from None
    return Middleware(OurHosts, named=named)


class OurHosts:
    """Answers only who asks for a host that this server is, from a page that came from it.

    Where the request tells the page that it comes from (``Origin``: for a websocket and an upload,
    browsers always do), that has to be the very host and port that is asked for, or one of
    ``named``: a reverse proxy may ask by another name than people do.
    """

    def __init__(self, app: ASGIApp, named: Sequence[str]) -> None:
        self.app = app
        self.named = named
        self.names = {*THIS_MACHINE, *map(_without_port, named)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if not refusal:
            answer = self.app if scope["type"] == "http" else _until_gone(self.app)
            await answer(_asked_for_by_origin(scope), receive, _unframed(send))
            return
        logging.getLogger(__name__).warning(refusal)
        if scope["type"] == "http":
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def _refusal(self, headers: Headers) -> str | None:
        """Why not to answer; None where all is well."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if not re.fullmatch(HOST, host):
            return "Refused: the request does not say which host it is for."
        if _without_port(host) not in self.names:
            return (
                f"Refused: Digit Lab is not called {_without_port(host)} here. If it should be, "
                f"start it with DIGIT_LAB_HOSTS={_without_port(host)}"
            )
        for origin in origins:
            scheme, _, place = origin.lower().partition("://")
            known = {place.removesuffix(PORTS.get(scheme, "")) for place in (host, *self.named)}
            if scheme not in PORTS or place not in known:
                return (
                    f"Refused: a page from {origin!r} asks for {host}. If that is how people reach "
                    "Digit Lab, name its host and port in DIGIT_LAB_HOSTS."
                )
        return None


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host)


def _asked_for_by_origin(scope: Scope) -> Scope:
    """The request as if its proxy had passed on the host: Streamlit takes no other origin."""
    headers = MutableHeaders(raw=[*scope["headers"]])
    if "origin" in headers:
        headers["host"] = headers["origin"].partition("://")[2]
    return {**scope, "headers": headers.raw}


def _unframed(send: Send) -> Send:
    """Sends answers that no page from elsewhere may show in a frame, to have somebody click it."""

    async def send_unframed(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["content-security-policy"] = "frame-ancestors 'self'"
        await send(message)

    return send_unframed


def _until_gone(app: ASGIApp) -> ASGIApp:
    """Lets a browser go while it is written to: an error of its connection then is none of ours.

    Streamlit closes such a connection once more, which Starlette refuses, with a traceback in the
    log.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        gone = False

        async def send_while_there(message: Message) -> None:
            nonlocal gone
            try:
                await send(message)
            except OSError:
                gone = True
                raise

        try:
            await app(scope, receive, send_while_there)
        except RuntimeError:
            if not gone:
                raise

    return answer


@asynccontextmanager
async def open_browser(_app: st.App) -> AsyncIterator[None]:
    """Open the dashboard when it has started, as ``streamlit run`` does of a plain script."""
    if not st.get_option("server.headless"):
        address = server_util.get_display_address(st.get_option("server.address") or "localhost")
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, webbrowser.open, server_util.get_url(address))
    yield
