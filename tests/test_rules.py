"""The architecture's first rule, kept by the import statements and by what is really loaded."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from mnist_core.data.known import SPECS
from mnist_core.runs.folder import Run

PROJECT = Path(__file__).parents[1]
CORE = sorted((PROJECT / "mnist_core").rglob("*.py"))
TRAINING = PROJECT / "mnist_core" / "training"
WITHOUT_TENSORFLOW = [
    path for path in CORE if TRAINING not in path.parents or path.name in {"__init__.py", "pool.py"}
]


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(PROJECT)))
def test_the_core_never_imports_streamlit(path: Path) -> None:
    assert "streamlit" not in imported(path)


@pytest.mark.parametrize(
    "path",
    [PROJECT / "app.py", *(PROJECT / "pages").glob("*.py"), *WITHOUT_TENSORFLOW],
    ids=lambda p: str(p.relative_to(PROJECT)),
)
def test_only_training_imports_tensorflow(path: Path) -> None:
    assert not imported(path) & {"tensorflow", "keras"}


@pytest.mark.parametrize(
    "path",
    [*(PROJECT / "pages").glob("*.py"), *(path for path in CORE if path.name != "known.py")],
    ids=lambda p: str(p.relative_to(PROJECT)),
)
def test_no_dataset_is_named_outside_its_entry(path: Path) -> None:
    """What is special about a dataset is a fact of its entry, which everything else asks for."""
    texts = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}

    assert not texts & set(SPECS)


def rooms_imported(path: Path) -> set[str]:
    """The rooms of the core that a file imports, wherever in it; its own left out."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mnist_core":
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mnist_core."):
            modules.add(str(node.module).split(".")[1])
    return modules - {room(path)}


def room(path: Path) -> str:
    """The sub-package of the core that a file is in, else its own module."""
    return path.relative_to(PROJECT / "mnist_core").with_suffix("").parts[0]


def test_imports_between_the_rooms_of_the_core_run_one_way() -> None:
    imports: dict[str, set[str]] = {}
    for path in CORE:
        imports.setdefault(room(path), set()).update(rooms_imported(path))

    assert {"config", "data", "runs", "training"} <= set(imports)
    TopologicalSorter(imports).prepare()  # a CycleError names the circle


def test_importing_the_core_loads_neither() -> None:
    modules = [
        ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        for path in WITHOUT_TENSORFLOW
        if path.name not in {"__init__.py", "__main__.py"}
    ]
    script = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"streamlit", "tensorflow", "keras"} & set(loaded)


EVERY_PAGE = """
import sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("app.py", default_timeout=120)
app.session_state["augmentation"] = True  # its preview
app.run()
for page in sys.argv[1:]:
    app.switch_page(page).run()
    assert not app.exception, app.exception
print(*sys.modules)
"""


FIRST_PAGE = """
import sys, time
from streamlit.testing.v1 import AppTest
from pages import _cached
assert not AppTest.from_file(sys.argv[1], default_timeout=60).run().exception
while not set(_cached.SLOW_TO_LOAD) <= set(sys.modules):
    time.sleep(0.02)
"""


def test_after_the_first_page_what_the_others_need_is_loaded_unasked(tmp_path: Path) -> None:
    done = subprocess.run(  # it would go on for ever
        [sys.executable, "-c", FIRST_PAGE, str(PROJECT / "app.py")],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_the_dashboard_never_loads_tensorflow(trained: Run) -> None:
    pages = sorted(
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "pages").glob("*.py")
        if not path.name.startswith("_")
    )
    done = subprocess.run(
        [sys.executable, "-c", EVERY_PAGE, *pages],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(trained.folder.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())

    assert len(pages) >= 5
    assert {"streamlit", "ai_edge_litert"} <= loaded
    assert not {"tensorflow", "keras", "sklearn"} & loaded
