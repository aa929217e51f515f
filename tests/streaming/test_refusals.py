"""What a stream refuses, by name, and that a refusal changes nothing."""

import numpy as np
import pytest

from brainbrr.data.preparation.preparation import ImplausibleAmplitude, MissingElectrodes
from brainbrr.data.preparation.survey import NotFinite
from brainbrr.data.recordings.refusals import UnitNotVoltage, UnsupportedRate
from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.signal.electrodes import ELECTRODES
from tests.streaming.stream_reference import LABELS, eeg_with_bursts, open_stream


@pytest.mark.parametrize(
    ("labels", "rate_hz", "options", "refusal", "match"),
    [
        (("EKG", "X1"), 256.0, {}, MissingElectrodes, "4 or more of the 19 electrodes"),
        (LABELS[:2], 256.0, {}, MissingElectrodes, "got 2"),
        (LABELS, 8.0, {}, UnsupportedRate, "got 8 Hz"),
        (LABELS, 256.0, {"unit": "ohm"}, UnitNotVoltage, "got ohm"),
        (LABELS, 256.0, {"hop_s": 11.0}, InvalidOption, "stride <= window"),
        (LABELS, 256.0, {"hop_s": 0.0}, InvalidOption, "stride 0.0 s"),
        (LABELS, 256.0, {"settle_s": 10.5}, InvalidOption, "0 to 10"),
    ],
)
def test_refused_before_the_first_sample(labels, rate_hz, options, refusal, match):
    with pytest.raises(refusal, match=match):
        open_stream(labels, rate_hz, **options)


def with_flaw(eeg_uv, value):
    flawed = eeg_uv.copy()
    flawed[7, 300] = value
    return flawed


@pytest.mark.parametrize(
    ("spoil", "options", "refusal", "match"),
    [
        (lambda e: e[:18], {}, InvalidInput, r"\(19, samples\).*got shape \(18, 2560\)"),
        (lambda e: e[0], {}, InvalidInput, r"got shape \(2560,\)"),
        (lambda e: e, {"rate_hz": 512.0}, InvalidInput, "expected 256 Hz; got 512 Hz"),
        (lambda e: e, {"time_s": 20.0}, InvalidInput, "begins at 30.000 s or later; got 20.000"),
        (lambda e: e, {"time_s": float("nan")}, InvalidInput, "got nan"),
        (lambda e: with_flaw(e, np.nan), {}, NotFinite, f"NaN or infinity in EEG {ELECTRODES[7]}"),
        (lambda e: with_flaw(e, np.inf), {}, NotFinite, f"NaN or infinity in EEG {ELECTRODES[7]}"),
    ],
)
def test_a_refused_chunk_leaves_the_stream_as_it_was(spoil, options, refusal, match):
    eeg_uv = eeg_with_bursts(30.0)
    stream, plain = open_stream(), open_stream()
    for each in (stream, plain):
        each.push(eeg_uv[:, :5120], time_s=0.0)
        each.push(eeg_uv[:, 5120:], time_s=20.0)
    with pytest.raises(refusal, match=match):
        stream.push(spoil(eeg_uv[:, :2560]), **options)
    ours = stream.push(eeg_uv[:, :2560], time_s=30.0, rate_hz=256.0)
    theirs = plain.push(eeg_uv[:, :2560])
    np.testing.assert_array_equal(ours.provisional.probability, theirs.provisional.probability)


def test_a_wrong_unit_shows_in_the_first_half_minute():
    eeg_uv = eeg_with_bursts(40.0)
    with pytest.raises(ImplausibleAmplitude, match="Name the unit"):
        open_stream(unit="uV").push(eeg_uv / 60.0)


def test_a_gap_has_a_length_and_an_ended_stream_stays_ended():
    stream = open_stream()
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidInput, match="longer than 0 s"):
            stream.gap(seconds)
    stream.finish()
    for call in (lambda: stream.push(np.zeros((19, 4))), stream.finish, lambda: stream.gap(1.0)):
        with pytest.raises(InvalidInput, match="already finished. Open a new one"):
            call()
