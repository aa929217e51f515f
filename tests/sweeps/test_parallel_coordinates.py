"""The picture of a sweep: one line for each run, one axis for each option."""

from xml.etree import ElementTree

from brainbrr.sweeps.parallel_coordinates import parallel_coordinates
from brainbrr.sweeps.runs_table import read_sweep
from tests.sweeps.conftest import write_run

METRIC = "szcore.event.subject_mean.f1"


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
