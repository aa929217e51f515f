import logging
import os
import pickle
import stat
from contextlib import contextmanager

import pytest
import torch

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import NotFound
from brainbrr.training.callbacks import checkpoint_file
from brainbrr.training.callbacks.checkpoint_file import (
    LAST,
    PREVIOUS,
    DamagedCheckpoint,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)


def content(number):
    return {"state_dict": {"w": torch.full((1000,), float(number))}, "epoch": number, "name": "x"}


def test_what_was_written_comes_back_and_torch_reads_it_too(tmp_path):
    path = tmp_path / "best.ckpt"
    write_checkpoint(content(3), path)
    back = read_checkpoint(path)
    assert back["epoch"] == 3 and torch.equal(back["state_dict"]["w"], torch.full((1000,), 3.0))
    assert torch.load(path, weights_only=True)["epoch"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["best.ckpt"]


@pytest.mark.parametrize("where", [0, 100, 0.5, -70, -3])
def test_one_flipped_bit_anywhere_is_found(tmp_path, where):
    path = tmp_path / LAST
    write_checkpoint(content(1), path)
    damaged = bytearray(path.read_bytes())
    damaged[int(where * len(damaged)) if isinstance(where, float) else where] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DamagedCheckpoint, match="whose digest is missing or differs"):
        read_checkpoint(path)


@pytest.mark.parametrize("size", [0, 1, 1000, -1])
def test_a_file_cut_short_is_found(tmp_path, size):
    path = tmp_path / LAST
    write_checkpoint(content(1), path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DamagedCheckpoint, match="last.ckpt"):
        read_checkpoint(path)


def test_the_newest_two_are_kept_and_a_damaged_one_gives_way(tmp_path, caplog):
    for number in range(4):
        write_checkpoint(content(number), tmp_path / LAST)
    assert sorted(file.name for file in tmp_path.iterdir()) == [LAST, PREVIOUS]
    assert read_checkpoint(newest_checkpoint(tmp_path))["epoch"] == 3
    (tmp_path / LAST).write_bytes(b"not a checkpoint")
    with caplog.at_level(logging.WARNING):
        found = newest_checkpoint(tmp_path)
    assert read_checkpoint(found)["epoch"] == 2
    assert "Checkpoint ignored" in caplog.text
    (tmp_path / PREVIOUS).write_bytes(b"")
    with pytest.raises(NotFound, match="last.ckpt, previous.ckpt damaged"):
        newest_checkpoint(tmp_path)


def test_an_empty_folder_has_nothing_to_continue(tmp_path):
    with pytest.raises(NotFound, match="an intact last.ckpt or previous.ckpt"):
        newest_checkpoint(tmp_path)


@pytest.mark.parametrize("step", ["rotate", "place"])
def test_a_crash_between_any_two_renames_leaves_an_intact_checkpoint(tmp_path, monkeypatch, step):
    for number in range(2):
        write_checkpoint(content(number), tmp_path / LAST)
    real, calls = type(tmp_path).replace, []

    def crashing(self, target):
        calls.append(self.name)
        if len(calls) == {"rotate": 1, "place": 2}[step]:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(type(tmp_path), "replace", crashing)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(content(2), tmp_path / LAST)
    monkeypatch.undo()
    assert read_checkpoint(newest_checkpoint(tmp_path))["epoch"] == 1
    write_checkpoint(content(2), tmp_path / LAST)
    assert read_checkpoint(newest_checkpoint(tmp_path))["epoch"] == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == [LAST, PREVIOUS]


def test_a_disk_that_lies_is_caught_before_the_old_checkpoint_goes(tmp_path, monkeypatch):
    write_checkpoint(content(0), tmp_path / LAST)

    @contextmanager
    def lying(path, mode):
        with atomic_write(path, mode) as file:
            yield file
        content = bytearray(path.read_bytes())
        content[500] ^= 1
        path.write_bytes(content)

    monkeypatch.setattr(checkpoint_file, "atomic_write", lying)
    with pytest.raises(DamagedCheckpoint, match="whose digest"):
        write_checkpoint(content(1), tmp_path / LAST)
    monkeypatch.undo()
    assert read_checkpoint(tmp_path / LAST)["epoch"] == 0


def test_reading_runs_no_code(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    path = tmp_path / LAST
    write_checkpoint({"state_dict": {}, "harm": Harm()}, path)
    with pytest.raises(DamagedCheckpoint, match="tensors and plain values"):
        read_checkpoint(path)
    assert not (tmp_path / "harm").exists()
    assert pickle.dumps(Harm())


def test_a_folder_without_permission_is_the_system_s_error_and_leaves_nothing(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write anywhere")
    with pytest.raises(PermissionError):
        write_checkpoint(content(0), folder / LAST)
    assert not list(folder.iterdir())
