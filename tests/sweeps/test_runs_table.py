"""A folder of runs as a table, a picture and a measure of what mattered."""

import csv
import re

import pytest

from brainbrr.errors import NotFound
from brainbrr.reporting.scoreboard import Measure
from brainbrr.sweeps.page import sweep_columns, write_sweep_csv, write_sweep_page
from brainbrr.sweeps.runs_table import read_sweep, varied_options
from tests.sweeps.conftest import write_run

METRIC = "szcore.event.subject_mean.f1"


def test_every_run_stands_with_its_state_the_best_by_validation_first(sweep):
    runs = read_sweep(sweep, METRIC)
    assert [run.name for run in runs] == ["1", "0", "3", "2", "4"]
    assert [run.state for run in runs] == ["pruned", "finished", "finished", "failed", "unfinished"]
    assert [run.validation for run in runs] == [0.7, 0.5, 0.1, None, None]
    assert runs[1].test == Measure(0.6, 0.5, 0.7) and runs[1].seconds == 12.5
    assert runs[3].error == "ValueError: no <b>" and runs[0].error is None


def test_only_what_varies_has_a_column(sweep):
    options = varied_options(read_sweep(sweep, METRIC))
    assert options == {
        "model": ["v3", "v3", "unet", "v3", "v3"],
        "optimizer.lr": [1e-2, 1e-4, 3e-4, -1, 5e-4],
    }


def test_off_is_a_name_and_not_false(tmp_path):
    for number, name in enumerate(("off", "light")):
        write_run(tmp_path / str(number), typed=[f"augmentation={name}"])
    assert varied_options(read_sweep(tmp_path, METRIC)) == {"augmentation": ["off", "light"]}


def test_without_what_was_typed_configurations_are_compared(tmp_path):
    for number, (lr, width) in enumerate([(0.1, 8), (0.2, 8), (0.1, 16)]):
        settings = {"optimizer": {"lr": lr}, "model": {"width": width, "narrow": width // 2}}
        write_run(tmp_path / str(number), settings=settings | {"resume": str(number)})
    # Widths change together: one stands for both.
    assert varied_options(read_sweep(tmp_path, METRIC)) == {
        "model.width": [8, 8, 16],
        "optimizer.lr": [0.1, 0.2, 0.1],
    }


def test_a_sweep_that_came_home_says_what_was_typed_in_its_outcome(tmp_path):
    for number, lr in enumerate(("1e-3", "1e-4")):
        write_run(tmp_path / str(number), outcome={"overrides": [f"optimizer.lr={lr}"]})
    assert varied_options(read_sweep(tmp_path, METRIC)) == {"optimizer.lr": [1e-3, 1e-4]}


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(NotFound, match="got none"):
        read_sweep(tmp_path, METRIC)
    with pytest.raises(NotFound, match="no such folder"):
        read_sweep(tmp_path / "nowhere", METRIC)


def test_the_table_in_both_files(sweep, tmp_path):
    runs = read_sweep(sweep, METRIC)
    columns = sweep_columns(runs, METRIC)
    write_sweep_csv(tmp_path / "sweep.csv", columns)
    write_sweep_page(tmp_path / "sweep.html", runs, columns, "A & B")
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["optimizer.lr"] == "0.0001" and rows[1]["low_95"] == "0.5"
    assert rows[4][METRIC] == "" and rows[4]["state"] == "unfinished"
    page = (tmp_path / "sweep.html").read_text()
    assert "A &amp; B" in page and "ValueError: no &lt;b&gt;" in page
    assert not re.search(r"(src|href)=", page)
