"""What ``pip install .`` gives: the packages of requirements.txt, and all files of ours."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[1]


def project() -> dict[str, Any]:
    return dict(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"])


def required(name: str) -> set[str]:
    """The packages in a file of requirements, and in those that it includes."""
    found: set[str] = set()
    for line in (PROJECT / name).read_text().splitlines():
        if line.startswith("-r "):
            found |= required(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            found.add(line)
    return found


def test_requirements_and_project_name_the_same_packages() -> None:
    needed, extras = set(project()["dependencies"]), project()["optional-dependencies"]
    names = [name for name in extras if name != "dev"]
    extra = {package for name in names for package in extras[name]}
    all_extras = f"digit-lab[{','.join(names)}]"

    assert required("requirements.txt") == needed
    assert required("requirements-extras.txt") == extra
    assert all_extras in extras["dev"]
    assert required("requirements-dev.txt") | {all_extras} == (needed | extra | {*extras["dev"]})


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel puts into site-packages."""
    pytest.importorskip("hatchling", reason="requirements-dev.txt is not installed")
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=PROJECT,
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def files(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file() and p.parent.name != "__pycache__"}


def test_the_wheel_has_every_file_and_only_one_package(installed: Path) -> None:
    here = {Path("app.py"), Path(".streamlit/config.toml"), Path("docs/icon.png")}
    here |= {p.relative_to(PROJECT) for p in files(PROJECT / "mnist_core")}
    here |= {p.relative_to(PROJECT) for p in files(PROJECT / "pages")}
    package = Path("mnist_core")
    wanted = {p if package in p.parents else package / "dashboard" / p for p in here}
    there = {p.relative_to(installed) for p in files(installed)}

    assert {p for p in there if not p.parts[0].endswith(".dist-info")} == wanted
    (metadata,) = installed.glob("*.dist-info/entry_points.txt")
    assert "digit-lab = mnist_core.cli.main:main" in metadata.read_text()
    assert "Requires-Python: <3.14,>=3.11" in metadata.with_name("METADATA").read_text()


def copied_into_the_container() -> set[str]:
    """The files and folders that the Dockerfile asks of its context."""
    lines = [line.split() for line in (PROJECT / "Dockerfile").read_text().splitlines()]
    return {source for words in lines if words[:1] == ["COPY"] for source in words[1:-1]}


def test_the_dockerfile_copies_all_that_the_package_is_made_of(
    installed: Path, tmp_path: Path
) -> None:
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    sources = copied_into_the_container()
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    for source in sources:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, tmp_path / source)
        else:
            shutil.copy(PROJECT / source, tmp_path / source)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel"], cwd=tmp_path, check=True
    )

    (wheel,) = tmp_path.glob("dist/*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files_of_wheel = {Path(name) for name in archive.namelist()}
    assert files_of_wheel == {path.relative_to(installed) for path in files(installed)}


EVERY_PAGE = """
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
import mnist_core
from mnist_core.cli.app import script

place = script()
assert Path(mnist_core.__file__).parent in place.parents, place
sys.path.insert(0, str(place.parent))  # as Streamlit does
app = AppTest.from_file(place, default_timeout=120).run()
for page in sorted(place.parent.glob("pages/[!_]*.py")):
    app.switch_page(f"pages/{page.name}").run()
    assert not app.exception, app.exception
    print(page.stem)
"""


def test_what_is_installed_opens_every_page(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_PAGE],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(installed), "KERAS_HOME": str(tmp_path / "keras")}
        | {"DIGIT_LAB_RUNS": str(tmp_path / "runs"), "DIGIT_LAB_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("data", "draw", "evaluate", "learn", "runs", "search", "train")
    ]
