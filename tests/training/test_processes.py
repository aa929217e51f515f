"""Processes of one run: how many, their ranks, and what happens when one dies."""

import sys

import pytest
import torch

from brainbrr.errors import Failed
from brainbrr.training.processes import (
    RankInfo,
    SpawnedEnvironment,
    n_processes,
    spawn_ddp,
    with_rank,
)
from brainbrr.training.trainer_options import TrainerOptions


def options(**changes):
    return TrainerOptions(max_epochs=1, **{"accelerator": "cpu", **changes})


def worker(code):
    return [sys.executable, "-c", f"import sys; {code}"]


@pytest.mark.parametrize(("devices", "expected"), [(1, 1), (3, 3), ("2", 2), ("auto", 1), (-1, 1)])
def test_as_many_processes_as_devices(devices, expected):
    assert n_processes(options(devices=devices)) == expected


def test_all_gpus_if_no_number_is_given(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert n_processes(options(devices="auto", accelerator="auto")) == 4


def test_each_process_knows_its_rank():
    group = SpawnedEnvironment(RankInfo(1, 3, 4000))
    ranks = (group.global_rank(), group.local_rank(), group.node_rank())
    assert (*ranks, group.world_size(), group.main_port) == (1, 1, 0, 3, 4000)
    assert group.creates_processes_externally and group.main_address == "127.0.0.1"
    options_of_rank = with_rank(options(devices="2"), RankInfo(1, 2, 4000))
    assert (options_of_rank.devices, options_of_rank.strategy) == (2, "ddp")


def test_one_process_starts_no_other():
    with spawn_ddp(options(), worker("raise SystemExit(9)")) as given:
        assert given == options()


def test_workers_get_their_rank_and_end_with_the_first(tmp_path):
    note = tmp_path / "note"
    code = (
        f"open({str(note)!r} + sys.argv[1], 'w').write(' '.join(sys.argv[1:])); sys.stdin.read(1)"
    )
    with pytest.raises(KeyboardInterrupt), spawn_ddp(options(devices=3), worker(code)) as given:
        port = given.plugins[0].main_port
        raise KeyboardInterrupt
    # Whoever had not begun yet when the first one left notes it all the same.
    assert (tmp_path / "note1").read_text() == f"1 3 {port}"
    assert (tmp_path / "note2").read_text() == f"2 3 {port}"


def test_a_worker_that_fails_is_reported():
    with (
        pytest.raises(Failed, match="exit code 3 of process 1"),
        spawn_ddp(options(devices=2), worker("raise SystemExit(3)")),
    ):
        pass


def test_a_lost_worker_is_reported_instead_of_the_error_of_the_collective():
    with (
        pytest.raises(Failed, match="exit code 3 of process 1"),
        spawn_ddp(options(devices=2), worker("raise SystemExit(3)")),
    ):
        raise RuntimeError("connection closed by peer")
