import os
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from mnist_core.settings import Settings


def test_defaults_are_in_the_users_own_folders() -> None:
    settings = Settings.from_environment({})

    assert settings.workers == 1
    for folder, name in [(settings.data, "data"), (settings.runs, "runs")]:
        assert folder.is_absolute()
        assert folder.name == name
        assert "digit-lab" in folder.parts
    # Emptying the cache must not take the runs.
    assert settings.data.parent != settings.runs.parent


def test_each_variable_sets_its_field(tmp_path: Path) -> None:
    most = os.cpu_count() or 1

    settings = Settings.from_environment(
        {
            "DIGIT_LAB_DATA": str(tmp_path / "images"),
            "DIGIT_LAB_RUNS": str(tmp_path / "trained"),
            "DIGIT_LAB_WORKERS": str(most),
        }
    )

    assert settings == Settings(tmp_path / "images", tmp_path / "trained", most)


def test_an_empty_variable_gives_the_default() -> None:
    names = ["DIGIT_LAB_DATA", "DIGIT_LAB_RUNS", "DIGIT_LAB_WORKERS"]

    assert Settings.from_environment(dict.fromkeys(names, "")) == Settings.from_environment({})


def test_the_environment_is_read_at_each_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in [tmp_path / "a", tmp_path / "b"]:
        monkeypatch.setenv("DIGIT_LAB_RUNS", str(folder))
        assert Settings.from_environment().runs == folder


@pytest.mark.parametrize("name", ["DIGIT_LAB_DATA", "DIGIT_LAB_RUNS"])
def test_a_tilde_is_the_home_folder(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    settings = Settings.from_environment({name: "~/lab"})

    assert tmp_path / "lab" in [settings.data, settings.runs]


def test_a_home_folder_that_nobody_has_is_refused() -> None:
    with pytest.raises(ValueError, match=r"DIGIT_LAB_DATA is '~no-such-person/data'"):
        Settings.from_environment({"DIGIT_LAB_DATA": "~no-such-person/data"})


def test_a_relative_folder_does_not_move_with_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert Settings.from_environment({"DIGIT_LAB_RUNS": "runs"}).runs == Path(tmp_path, "runs")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", str((os.cpu_count() or 1) + 1)])
def test_a_wrong_number_of_workers_is_refused(value: str) -> None:
    allowed = f"from 1 to {os.cpu_count()}"

    with pytest.raises(ValueError, match=f"DIGIT_LAB_WORKERS is '{value}'.*{allowed}"):
        Settings.from_environment({"DIGIT_LAB_WORKERS": value})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings.from_environment({}).workers = 2  # type: ignore[misc]


def test_without_a_home_the_variables_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 2)  # who is nobody here, as in a container

    with pytest.raises(ValueError, match=r"DIGIT_LAB_DATA is not set: .*Give the full path of a"):
        Settings.from_environment({})
    assert Settings.from_environment({"DIGIT_LAB_DATA": "/data", "DIGIT_LAB_RUNS": "/runs"})
