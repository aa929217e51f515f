"""Prepared EEG is the same from memory, from a file and from a corpus's cache."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainbrr.data.corpora.cache import StaleCache
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.recordings.read import read_recording
from brainbrr.inference.prepared_eeg import PreparedEeg, SamplesOnDisk, prepare_to_disk, prepared
from tests.tiny_corpus import row

WriteEdf = Callable[..., Path]


def test_samples_on_disk_are_those_of_the_array_and_nothing_stays_mapped(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-999, 999, (19, 1000)).astype(np.int16)
    np.save(tmp_path / "samples.npy", samples)
    on_disk = SamplesOnDisk(tmp_path / "samples.npy")
    assert (on_disk.shape, on_disk.dtype) == ((19, 1000), np.int16)
    for key in (np.s_[:, 100:200], np.s_[3], np.s_[..., ::7], np.s_[2:4, -5:]):
        part = on_disk[key]
        np.testing.assert_array_equal(part, samples[key])
        assert type(part) is np.ndarray
        assert part.flags.owndata


def test_a_file_and_its_recording_are_prepared_alike(tmp_path: Path, write_edf: WriteEdf) -> None:
    path = write_edf(tmp_path / "night.edf", seconds=20)
    with (
        prepared(path, Preparation()) as from_file,
        prepared(read_recording(path), Preparation()) as from_memory,
    ):
        np.testing.assert_array_equal(from_file.eeg[:, :], from_memory.eeg[:, :])
        np.testing.assert_array_equal(from_file.observed, from_memory.observed)
        np.testing.assert_allclose(from_file.center_uv, from_memory.center_uv)
        np.testing.assert_allclose(from_file.scale_uv, from_memory.scale_uv)
        assert from_file.eeg.shape == (19, 20 * 256)
        assert from_file.start == from_memory.start is not None
        assert (from_file.name, from_memory.name) == ("night.edf", "the recording")


def test_the_file_of_a_prepared_recording_is_there_for_the_block_only(
    tmp_path: Path, write_edf: WriteEdf
) -> None:
    with prepared(str(write_edf(tmp_path / "a.edf", seconds=8)), Preparation()) as signal:
        assert signal.eeg[:, :4].shape == (19, 4)
    with pytest.raises(FileNotFoundError):
        signal.eeg[:, :4]


def test_a_kept_file_is_what_was_prepared(tmp_path: Path, write_edf: WriteEdf) -> None:
    path = write_edf(tmp_path / "a.edf", seconds=8)
    kept = prepare_to_disk(path, Preparation(), tmp_path / "kept.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "kept.npy"), kept.eeg[:, :])


def test_a_row_of_the_manifest_brings_its_masks_and_fits_its_signal() -> None:
    recording = row(1, "test", 30.0, [], observed=[True] * 18 + [False], gaps=[[20.0, 21.0]])
    eeg = np.zeros((19, 30 * 256), np.int16)
    signal = PreparedEeg.of_row(recording, eeg, 256.0)
    assert signal.observed.tolist() == [True] * 18 + [False]
    assert signal.gaps.tolist() == [[20.0, 21.0]]
    assert signal.name == "sub-01"
    with pytest.raises(StaleCache, match="7680 samples of sub-01, .*; got 7679"):
        PreparedEeg.of_row(recording, eeg[:, :-1], 256.0)
