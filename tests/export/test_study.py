"""A study as files: the table has every digit, the page needs nothing else."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mnist_core.export import study as export
from mnist_core.runs.files import RunError
from mnist_core.search import study as studies
from tests.search.builders import BASE, TRIALS, plan, searched, trial


def test_the_table_has_every_trial_with_all_digits(tmp_path: Path) -> None:
    third = trial(6, BASE.model_copy(update={"dropout": 0.1}), 0.9, 1 / 3, added=True)
    rows = [
        *csv.DictReader(io.StringIO(export.as_csv(searched(tmp_path, third, *TRIALS)).decode()))
    ]

    assert [row["trial"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert rows[1]["widths"] == "64 32"
    assert [row["outcome"] for row in rows[2:4]] == ["pruned", "failed"]
    assert rows[2]["validation_accuracy"] == "0.6"
    assert rows[3]["validation_accuracy"] == ""
    assert float(rows[5]["validation_accuracy"]) == 1 / 3
    assert rows[5]["added_by_hand"] == "True"


def test_a_setting_that_does_not_apply_is_left_empty(tmp_path: Path) -> None:
    study = studies.create(tmp_path, plan("kernel_size", "dropout"))
    (study.folder / "trials.jsonl").write_text(TRIALS[1].model_dump_json() + "\n")
    (row,) = csv.DictReader(io.StringIO(export.as_csv(study).decode()))

    assert (row["kernel_size"], row["dropout"]) == ("", "0.3")


@pytest.mark.parametrize("asked", [{}, {"against": "weights"}, {"aim": "loss"}])
def test_the_page_has_all_charts_and_needs_no_other_file(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    page = export.report(searched(tmp_path, **asked)).decode()
    text, _, scripts = page.partition("<footer")

    charts = re.findall(r'<script type="application/json">(.*?)</script>', text)
    assert len(charts) == text.count('<div class="chart">') == 7 + ("against" in asked)
    for chart in charts:
        assert json.loads(chart)["data"]
    assert ("Both aims" in text) == ("against" in asked)
    assert "93.50% ± 0.71%" in text
    assert "64-32" in text
    assert "Plotly.newPlot" in scripts
    assert not re.search(r"\b(src|href)=", text)
    assert "<script src" not in scripts


def test_before_the_first_trial_there_is_a_page_too(tmp_path: Path) -> None:
    study = studies.create(tmp_path, plan())

    assert "What was asked" in export.report(study).decode()
    assert export.as_csv(study) == b""


def test_a_damaged_study_is_named(tmp_path: Path) -> None:
    study = searched(tmp_path)
    (study.folder / "trials.jsonl").write_text("{}\n")
    for write in (export.as_csv, export.report):
        with pytest.raises(RunError, match=r"trials\.jsonl, line 1 is damaged"):
            write(study)
