"""Whom the real server answers: people who ask for it by its name, from its own pages."""

import asyncio
import contextlib
import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from pages._server import OurHosts
from tests.browser.conftest import PROJECT, Server, dashboard

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
STREAM = "/_stcore/stream"
PATHS = ["/", "/runs", "/_stcore/health", "/_stcore/host-config", "/static/x.js", "/media/x.png"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As ``streamlit run app.py`` starts it, with two names of its own."""
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DIGIT_LAB_HOSTS", "lab.example.org, Proxy.example.org:8443")
        with dashboard(folder, folder / "runs") as server:
            yield server


def ask(
    server: Server, path: str, method: str = "GET", **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    """The answer's status, body and headers."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    with closing(connection):
        connection.request(method, path, headers=(WEBSOCKET if path == STREAM else {}) | headers)
        with connection.getresponse() as answer:
            body = b"" if answer.status == 101 else answer.read()
            return answer.status, body.decode(errors="replace"), answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8501", "0.0.0.0", "x@localhost", "[::2]", ""]
)
def test_who_asks_for_another_host_gets_nothing(server: Server, host: str) -> None:
    for path in [*PATHS, STREAM]:
        status, body, _ = ask(server, path, Host=host, Origin=f"http://{host}")
        assert status == 403
        assert "streamlit" not in body.lower()


def test_a_refusal_says_what_would_help(server: Server) -> None:
    _, of_host, _ = ask(server, "/", Host="class.example:8501")
    _, of_origin, _ = ask(server, "/", Origin="https://class.example")

    assert of_host == (
        "Refused: Digit Lab is not called class.example here. If it should be, start it with "
        "DIGIT_LAB_HOSTS=class.example"
    )
    assert of_origin == (
        f"Refused: a page from 'https://class.example' asks for {urlsplit(server.url).netloc}. If "
        "that is how people reach Digit Lab, name its host and port in DIGIT_LAB_HOSTS."
    )
    assert of_host in server.log  # of a websocket, people see nothing
    assert of_origin in server.log


@pytest.mark.parametrize(
    "host", ["localhost:9000", "127.0.0.1", "[::1]:8501", "LAB.example.org", "proxy.example.org"]
)
def test_the_names_of_this_machine_and_those_given_are_answered(server: Server, host: str) -> None:
    assert ask(server, "/", Host=host)[0] == 200
    assert ask(server, STREAM, Host=host, Origin=f"http://{host}")[0] == 101


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8501", "http://localhost:9999"),  # another program on this machine
        ("localhost:8501", "http://localhost"),
        ("localhost:8501", "http://127.0.0.1:8501"),
        ("localhost:8501", "null"),  # a file, or a frame that is shut off
        ("localhost:8501", "file://localhost:8501"),
        ("lab.example.org", "https://lab.example.org:8080"),
        ("127.0.0.1:8501", "https://proxy.example.org"),
        ("localhost:8501", "http://localhost:8501.evil.example"),
    ],
)
def test_a_page_from_elsewhere_can_neither_connect_nor_upload_nor_read(
    server: Server, host: str, origin: str
) -> None:
    upload = "/_stcore/upload_file/session/file"

    assert ask(server, STREAM, Host=host, Origin=origin)[0] == 403
    for method in ("PUT", "DELETE", "OPTIONS"):
        status, body, _ = ask(server, upload, method, Host=host, Origin=origin)
        assert status == 403
        assert body.startswith("Refused: a page from ")
    for path in PATHS:
        assert ask(server, path, Host=host, Origin=origin)[0] == 403


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8501", "http://localhost:8501"),
        ("lab.example.org", "https://lab.example.org"),  # a proxy that passes the host on
        ("127.0.0.1:8501", "https://lab.example.org"),  # one that asks by another name
        ("127.0.0.1:8501", "https://proxy.example.org:8443"),
        ("localhost:80", "http://localhost"),
    ],
)
def test_its_own_pages_connect_also_behind_a_proxy(server: Server, host: str, origin: str) -> None:
    assert ask(server, STREAM, Host=host, Origin=origin)[0] == 101
    status, body, _ = ask(
        server, "/_stcore/upload_file/session/file", "PUT", Host=host, Origin=origin
    )
    assert (status, body) == (403, "XSRF token missing or invalid")  # Streamlit's next question


@pytest.mark.parametrize("is_there", [True, False])
def test_a_browser_may_go_while_it_is_written_to(is_there: bool) -> None:
    async def writes_and_reads_on(scope: Scope, receive: Receive, send: Send) -> None:
        """As Streamlit does, in a task of its own for each."""
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            await socket.send_bytes(b"a page")
        try:
            await socket.receive_bytes()
        except RuntimeError:
            await socket.close()
            raise
        raise RuntimeError("of its own")

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send" and not is_there:
            raise ConnectionResetError

    async def receive() -> Message:
        await asyncio.sleep(0)
        return next(said)

    said: Iterator[Message] = iter(
        [{"type": "websocket.connect"}, {"type": "websocket.receive", "bytes": b""}]
    )
    scope = {"type": "websocket", "headers": [(b"host", b"localhost")]}
    answered = OurHosts(writes_and_reads_on, named=[])(scope, receive, send)
    with contextlib.nullcontext() if not is_there else pytest.raises(RuntimeError, match="its own"):
        asyncio.run(answered)


def test_no_page_around_it_can_have_it_clicked_or_tell_it_what_to_do(server: Server) -> None:
    _, body, headers = ask(server, "/_stcore/host-config")

    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert '"allowedOrigins":[]' in body


def test_a_name_that_is_none_keeps_the_server_from_starting(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_HOSTS": "http://lab.example.org"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "DIGIT_LAB_HOSTS names 'http://lab.example.org'. Allowed: names or addresses, separated by "
        "commas, with a port where the address in the browser has one, such as lab.example.org, "
        "192.0.2.7:8501 or [2001:db8::7]:8501.\n"
    )


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("/Train?epochs=3", "./?epochs=3"),
        ("/training/?run=a%20b", "../?run=a%20b"),
        ("/Evaluation?run=1&true_class=3", "./evaluate?run=1&true_class=3"),
        ("/pages/data.py", "../data"),
        ("/drow", "./draw"),
        ("/trian?epochs=3", "./?epochs=3"),
        *((address, None) for address in ("/", "/?run=1", "/evaluate", "/runs", "/xyz")),
    ],
)
def test_a_browser_that_opens_a_guess_is_sent_to_the_page(
    server: Server, address: str, meant: str | None
) -> None:
    status, _, headers = ask(server, address, Accept="text/html,*/*;q=0.8")

    assert (status, headers["Location"]) == ((307, meant) if meant is not None else (200, None))


def test_what_pages_are_made_of_is_no_guess(server: Server) -> None:
    _, page, _ = ask(server, "/")
    scripts = re.findall(r'src="\./(static/js/index[^"]+)"', page)

    assert scripts
    for script in scripts:
        assert ask(server, f"/{script}", Accept="*/*")[0] == 200
