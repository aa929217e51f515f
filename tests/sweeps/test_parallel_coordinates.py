"""The picture of a sweep: one line for each run, one axis for each option."""

import json
from xml.etree import ElementTree

import pytest
import yaml

from brainbrr.sweeps.parallel_coordinates import parallel_coordinates
from brainbrr.sweeps.runs_table import read_sweep

METRIC = "szcore.event.subject_mean.f1"


def write_run(
    folder, *, typed=(), settings=None, values=(), f1=None, outcome=None, monitor="val/m"
):
    folder.mkdir(parents=True)
    content = {"monitor": monitor, "run_dir": str(folder), **(settings or {})}
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    if typed:
        (folder / ".hydra").mkdir()
        (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(typed)))
        (folder / ".hydra" / "config.yaml").write_text("{}")
    rows = [f"{step},val/m,{value}" for step, value in enumerate(values)]
    (folder / "metrics.csv").write_text("\n".join(["step,name,value", "1,train/loss,9", *rows]))
    if f1 is not None:
        place = {"szcore": {"event": {"subject_mean": {"f1": f1}}}}
        interval = {"szcore": {"event": {"subject_mean": {"f1": [f1 - 0.1, f1 + 0.1]}}}}
        (folder / "scores.json").write_text(json.dumps({**place, "intervals_95": interval}))
    if outcome:
        (folder / "outcome.json").write_text(json.dumps(outcome))


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweep"
    done = {"state": "finished", "seconds": 12.5}
    write_run(folder / "0", typed=["optimizer.lr=1e-4", "model=v3", "seed=1"],
              values=[0.2, 0.5, 0.4], f1=0.6, outcome=done)  # fmt: skip
    write_run(folder / "1", typed=["optimizer.lr=1e-2", "model=v3", "seed=1"],
              values=[0.7], outcome={"state": "pruned", "error": "RunPruned: x"})  # fmt: skip
    write_run(folder / "2", typed=["optimizer.lr=-1", "model=v3", "seed=1"],
              outcome={"state": "failed", "error": "ValueError: no <b>"})  # fmt: skip
    write_run(folder / "3", typed=["+optimizer.lr=3e-4", "model=unet", "seed=1", "run_dir=x"],
              values=[0.1, "nan"], f1=0.9)  # fmt: skip
    write_run(folder / "4", typed=["optimizer.lr=5e-4", "model=v3", "seed=1"])
    return folder


def test_one_line_a_run_and_one_axis_an_option(sweep):
    picture = ElementTree.fromstring(parallel_coordinates(read_sweep(sweep, METRIC), "val/m"))
    space = "{http://www.w3.org/2000/svg}"
    lines = [each for each in picture.iter(f"{space}path") if "run" in each.get("class").split()]
    assert len(lines) == 5
    assert [each.find(f"{space}title").text for each in lines][-1] == "1: 0.7, pruned"
    corners = [each.get("d").count("L") + 1 for each in lines]
    assert corners == [2, 2, 3, 3, 3]
    names = [each.text for each in picture.iter(f"{space}text") if each.get("class") == "axis-name"]
    assert names == ["model", "optimizer.lr", "val/m"]


def test_a_sweep_in_which_nothing_ended_has_a_picture_too(tmp_path):
    for number in range(2):
        write_run(tmp_path / str(number), typed=[f"seed={number}"])
    assert "2 without val/m" in parallel_coordinates(read_sweep(tmp_path, METRIC), "val/m")
