"""An `mne.io.Raw` of any format in, annotations that it plots out."""

from pathlib import Path

import matplotlib as mpl
import mne
import numpy as np
import pytest

from brainbrr.events.detection import Detection
from brainbrr.inference.detector import Detector
from brainbrr.signal.electrodes import ELECTRODES

mpl.use("Agg")


@pytest.fixture
def raw() -> mne.io.BaseRaw:
    generator = np.random.default_rng(0)
    volts = 2e-5 * generator.standard_normal((20, 12 * 200))
    info = mne.create_info([*ELECTRODES, "ECG"], 200.0, ["eeg"] * 19 + ["ecg"])
    return mne.io.RawArray(volts, info, verbose="ERROR")


def converted(raw: mne.io.BaseRaw, kind: str, folder: Path) -> mne.io.BaseRaw:
    """The same recording as MNE reads it from a file, in memory or not."""
    if kind == "array":
        return raw
    if kind == "cropped":
        return raw.copy().crop(2.0)
    if kind == "fif":
        raw.save(folder / "a_raw.fif", verbose="ERROR")
        return mne.io.read_raw(folder / "a_raw.fif", verbose="ERROR")
    mne.export.export_raw(folder / "a.edf", raw, verbose="ERROR")
    return mne.io.read_raw(folder / "a.edf", verbose="ERROR")


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["array", "cropped", "fif", "edf"])
def test_a_raw_of_any_format_is_annotated_and_plotted(
    kind: str, raw: mne.io.BaseRaw, golden: Detector, tmp_path: Path
) -> None:
    easy = golden.with_detection(Detection(0.01, 0.01, min_duration_s=0.5))
    source = converted(raw, kind, tmp_path)
    annotation = easy.annotate(source)
    assert annotation.events
    source.set_annotations(annotation.to_mne())
    first = source.annotations[0]
    assert first["onset"] - source.first_time == pytest.approx(annotation.events[0].onset_s)
    assert first["description"] == "sz"
    figure = source.plot(show=False, verbose="ERROR", block=False)
    mpl.pyplot.close("all")
    assert figure is not None


def test_the_events_are_those_of_the_same_samples_in_a_file(
    raw: mne.io.BaseRaw, golden: Detector, tmp_path: Path
) -> None:
    raw.save(tmp_path / "a_raw.fif", verbose="ERROR", fmt="double")
    trace = golden.trace(raw).probability
    np.testing.assert_allclose(trace, golden.trace(tmp_path / "a_raw.fif").probability, atol=1e-5)
