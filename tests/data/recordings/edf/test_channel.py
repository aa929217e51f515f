"""Labels, units and ranges of a signal."""

import numpy as np
import pytest

from brainbrr.data.recordings.read import read_recording
from brainbrr.data.recordings.refusals import (
    UnitNotVoltage,
    UnreadableHeader,
    ZeroRange,
)
from tests.edf_writer import Channel, EdfFile, noise, write

STEP_UV = 0.1


@pytest.mark.parametrize(
    ("unit", "factor"), [("uV", 1), ("mV", 1e3), ("V", 1e6), ("\xb5V", 1), ("UV", 1), ("nV", 1e-3)]
)
def test_units(tmp_path, generator, unit, factor):
    digital = noise(generator, 512)
    recording = read_recording(write(tmp_path, EdfFile([Channel(digital, unit=unit)])))
    expected = digital * STEP_UV * factor
    np.testing.assert_allclose(recording.eeg_uv[0], expected, atol=1e-3 * factor)


@pytest.mark.parametrize("unit", ["", "degC", "%", "uVolts!", "kV"])
def test_unknown_units_are_refused(tmp_path, generator, unit):
    with pytest.raises(UnitNotVoltage, match="V, mV, uV or nV"):
        read_recording(write(tmp_path, EdfFile([Channel(noise(generator, 512), unit=unit)])))


def test_decimal_commas(tmp_path, generator):
    digital = noise(generator, 512)
    file = EdfFile([Channel(digital, physical=("-3276,8", "3276,7"))], record_s="1,0")
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.eeg_uv[0], digital * STEP_UV, atol=1e-3)


@pytest.mark.parametrize(
    "flaw",
    [
        {"physical": ("10", "10")},
        {"limits": ("5", "5")},
        {"limits": ("100", "-100")},
        {"limits": ("-99999", "32767")},
    ],
)
def test_zero_ranges_are_refused_and_one_channel_of_many_left_out(tmp_path, generator, flaw):
    flawed = Channel(noise(generator, 512), "EEG Cz-REF", **flaw)
    with pytest.raises(ZeroRange, match="digital and a physical range"):
        read_recording(write(tmp_path, EdfFile([flawed])))
    recording = read_recording(write(tmp_path, EdfFile([flawed, Channel(noise(generator, 512))])))
    assert recording.labels == ("EEG Fp1-REF",)
    assert recording.repairs == ("1 EEG channels left out: no usable range",)


def test_ranges_that_are_no_numbers(tmp_path, generator):
    flawed = Channel(noise(generator, 512), physical=("nan", "1_000"))
    with pytest.raises(UnreadableHeader, match="numbers as the channels' ranges"):
        read_recording(write(tmp_path, EdfFile([flawed])))


def test_inverted_polarity_is_kept(tmp_path, generator):
    digital = noise(generator, 512)
    recording = read_recording(
        write(tmp_path, EdfFile([Channel(digital, physical=("3276.8", "-3276.7"))]))
    )
    np.testing.assert_allclose(recording.eeg_uv[0], -digital * STEP_UV, atol=1e-2)


def test_a_large_offset_keeps_its_small_steps(tmp_path, generator):
    digital = noise(generator, 512, 5000)
    limits = ("175921", "175946")
    recording = read_recording(write(tmp_path, EdfFile([Channel(digital, physical=limits)])))
    exact = (digital + 32768.0) * 25 / 65535 + 175921
    np.testing.assert_allclose(recording.eeg_uv[0], exact, atol=0.02)
