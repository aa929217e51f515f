"""What an input names, and where its results go."""

from pathlib import Path

import pytest

from brainbrr.errors import NotFound
from brainbrr.inference.recordings import bids_root, find_jobs


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def targets(source: object, root: Path) -> list[str]:
    return [str(job.target.relative_to(root / "out")) for job in find_jobs(source, root / "out")]  # type: ignore[arg-type]


def test_output_mirrors_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "in", "b.edf", "sub/a_eeg.BDF", "notes.txt", ".hidden/c.edf", "._a.edf")
    assert targets(tmp_path / "in", tmp_path) == ["b_events", "sub/a_events"]


def test_a_file_a_pattern_and_a_list(tmp_path: Path) -> None:
    touch(tmp_path, "a.edf", "sub/b.edf", "sub/c.edf", "sub/d.txt")
    assert targets(tmp_path / "a.edf", tmp_path) == ["a_events"]
    assert targets(f"{tmp_path}/*/[bc].edf", tmp_path) == ["sub/b_events", "sub/c_events"]
    assert targets([tmp_path / "a.edf", tmp_path / "sub" / "b.edf"], tmp_path) == [
        "a_events", "b_events",
    ]  # fmt: skip


def test_results_inside_the_input_are_no_recordings(tmp_path: Path) -> None:
    touch(tmp_path, "a.edf", "out/a_events.edf", "out/x.edf", "b_events.edf")
    assert targets(tmp_path, tmp_path) == ["a_events"]


def test_of_a_bids_dataset_raw_eeg_alone_is_taken(tmp_path: Path) -> None:
    touch(
        tmp_path / "in", "dataset_description.json", "sub-1/eeg/sub-1_task-x_eeg.edf",
        "derivatives/y/sub-1/eeg/sub-1_task-x_eeg.edf", "sourcedata/raw_eeg.edf", "sub-1/other.edf",
    )  # fmt: skip
    assert targets(tmp_path / "in", tmp_path) == ["sub-1/eeg/sub-1_task-x_events"]
    assert bids_root(tmp_path / "in") == tmp_path / "in"
    assert bids_root(tmp_path / "in/sub-1/eeg") == tmp_path / "in"
    assert bids_root(tmp_path) is None


def test_recordings_that_differ_by_suffix_alone_keep_apart(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.edf", "a.bdf", "b.edf")
    assert targets(tmp_path / "in", tmp_path) == ["a_bdf_events", "a_edf_events", "b_events"]


def test_samples_of_brainvision_are_no_recording_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.vhdr", "a.eeg", "b.eeg")
    assert targets(tmp_path / "in", tmp_path) == ["a_events", "b_events"]


@pytest.mark.parametrize("source", ["nowhere", "empty", "empty/*.edf"])
def test_an_input_without_recordings_is_refused(source: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="a recording, or a folder"):
        find_jobs(tmp_path / source, tmp_path / "out")
