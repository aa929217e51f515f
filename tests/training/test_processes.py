"""Processes that train together: how many, who is who, and what happens when one dies."""

import sys

import pytest
import torch

from brainbrr.training.processes import (
    OwnProcesses,
    Place,
    ProcessDied,
    at_place,
    n_processes,
    together,
)
from brainbrr.training.trainer_options import TrainerOptions


def options(**changes):
    return TrainerOptions(max_epochs=1, **{"accelerator": "cpu", **changes})


def companion(code):
    return [sys.executable, "-c", f"import sys; {code}"]


@pytest.mark.parametrize(("devices", "expected"), [(1, 1), (3, 3), ("2", 2), ("auto", 1), (-1, 1)])
def test_as_many_processes_as_devices(devices, expected):
    assert n_processes(options(devices=devices)) == expected


def test_all_gpus_where_none_are_counted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert n_processes(options(devices="auto", accelerator="auto")) == 4


def test_each_process_knows_its_place():
    own = OwnProcesses(Place(1, 3, 4000))
    told = (own.global_rank(), own.local_rank(), own.node_rank(), own.world_size(), own.main_port)
    assert told == (1, 1, 0, 3, 4000)
    assert own.creates_processes_externally and own.main_address == "127.0.0.1"
    placed = at_place(options(devices="2"), Place(1, 2, 4000))
    assert (placed.devices, placed.strategy) == (2, "ddp")


def test_one_process_starts_no_other():
    with together(options(), companion("raise SystemExit(9)")) as given:
        assert given == options()


def test_companions_learn_their_place_and_end_with_the_first(tmp_path):
    note = tmp_path / "note"
    code = (
        f"open({str(note)!r} + sys.argv[1], 'w').write(' '.join(sys.argv[1:])); sys.stdin.read(1)"
    )
    with pytest.raises(KeyboardInterrupt), together(options(devices=3), companion(code)) as given:
        port = given.plugins[0].main_port
        raise KeyboardInterrupt
    # Whoever had not begun yet when the first one left notes it all the same.
    assert (tmp_path / "note1").read_text() == f"1 3 {port}"
    assert (tmp_path / "note2").read_text() == f"2 3 {port}"


def test_a_companion_that_fails_is_told():
    with (
        pytest.raises(ProcessDied, match="exit code 3 of process 1"),
        together(options(devices=2), companion("raise SystemExit(3)")),
    ):
        pass


def test_a_lost_partner_is_told_instead_of_what_the_collective_says():
    with (
        pytest.raises(ProcessDied, match="exit code 3 of process 1"),
        together(options(devices=2), companion("raise SystemExit(3)")),
    ):
        raise RuntimeError("connection closed by peer")
