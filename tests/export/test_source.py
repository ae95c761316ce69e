"""What is cut out of our modules: what is reached, as far as it applies."""

from collections.abc import Iterator

import pytest

from mnist_core.config import TrainingConfig
from mnist_core.export import source

MODULE = """
import math
from pathlib import Path

import numpy as np

from mnist_core.config import TrainingConfig

KINDS: dict[str, int] = {"adam": math.tau, "sgd": Slow}  # by name


# Why it is here.
@decorated  # type: ignore[misc]
class Slow(Base):
    \"\"\"What it is.

    And more.
    \"\"\"

    def __init__(
        self, config: TrainingConfig, size: int = 3
    ) -> None:
        # Kept – for later.
        self._config = config

    def run(self, low: int) -> int:
        low = 1 if self._config.ema else 2
        if self._config.flip:
            # Turned.
            low += mirror(low)
        else:  # as it is
            if not self._config.elastic:
                low += 1
        made: list[int] = [KINDS[self._config.optimizer]]
        return low


def mirror(low: int) -> float:
    return np.float32(low)


def fit() -> None:
    Slow(1, config.epochs)


def low() -> None:
    pass
"""


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    texts = {"one": MODULE, "network": "config.widths"}
    monkeypatch.setattr(source, "MODULES", ("one",))
    monkeypatch.setattr(source, "_text", texts.__getitem__)
    cached = (source._definitions, source._imports)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def test_a_definition_is_cut_to_what_applies() -> None:
    config = TrainingConfig(optimizer="adam", flip=False)
    found = source.needed("import sys\nsys.exit(Slow(config.seed))", config, ["import sys"])

    assert found.definitions == [
        """\
# Why it is here.
@decorated
class Slow(Base):
    \"\"\"What it is.\"\"\"

    def __init__(self, config, size=3):
        # Kept – for later.
        self._config = config

    def run(self, low):
        low = 2
        low += 1
        made = [math.tau]
        return low"""
    ]
    assert found.imports == (["import math", "import sys"], [])
    assert found.settings == {"seed"}


def test_what_a_definition_uses_is_reached_too() -> None:
    found = source.needed("Slow(1)", TrainingConfig(flip=True), [])

    assert "            low += mirror" not in found.definitions[0]
    assert "        # Turned.\n        low += mirror(low)\n" in found.definitions[0]
    assert found.definitions[1] == "def mirror(low):\n    return np.float32(low)"
    assert found.imports == (["import math"], ["import numpy as np"])


def test_only_what_a_program_can_reach_is_covered() -> None:
    assert source.settings_covered("network.fit(config.seed, Slow)") == {
        *("seed", "widths", "ema", "flip", "elastic", "optimizer")
    }


def test_an_entry_of_a_table() -> None:
    assert source.entry("KINDS", "sgd") == "Slow"


def test_names_of_definitions_are_of_one_thing_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    names = [name for module in source.MODULES for name, _ in source.definitions_in(module)]
    assert len(names) == len(set(names))
