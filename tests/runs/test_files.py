"""Files that are not there, or damaged: the one is no fault, the other is named."""

from pathlib import Path

import pytest

from mnist_core.runs.files import RunError, read_model
from mnist_core.runs.folder import Labels, Owner


def test_what_was_never_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert read_model(tmp_path / "labels.json", Labels) is None
    assert read_model(tmp_path / "file" / "labels.json", Labels) is None
    assert Owner.read(tmp_path / "owner.json") is None


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"nobody": 1}'])
def test_a_damaged_file_is_named_but_for_an_owner_whom_nobody_knows(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)

    with pytest.raises(RunError, match=r"labels\.json is damaged: "):
        read_model(path, Labels)
    assert Owner.read(path) is None


def test_an_owner_comes_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "owner.json"
    path.write_text(Owner.this_process().model_dump_json())

    found = Owner.read(path)

    assert found == Owner.this_process()
    assert found.alive
