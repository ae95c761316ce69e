"""plotly's JavaScript, served as a file, which a browser keeps: compiled, too.

Streamlit has plotly in itself, but for its own charts alone.
"""

import gzip
from functools import cache
from importlib.metadata import version
from importlib.resources import files

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

NAME = f"plotly-{version('plotly')}.min.js"
"""Another one with each version, so that a browser may keep it for ever."""
HEADERS = {"Content-Encoding": "gzip", "Cache-Control": "public, max-age=31536000, immutable"}


def route() -> Route:
    """Where the file is found, with the path that this server is below."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return Route(f"/{base}/{NAME}" if base else f"/{NAME}", _answer)


def _answer(_: Request) -> Response:
    return Response(packed(), headers=HEADERS, media_type="text/javascript")


@cache
def packed() -> bytes:
    """The file, as gzip packs it: 1.4 MB instead of 4.7."""
    source = files("plotly") / "package_data" / "plotly.min.js"
    return gzip.compress(source.read_bytes(), compresslevel=6)
