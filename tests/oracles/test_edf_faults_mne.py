"""What a second EDF reader would gain: every file that ours refuses, given to MNE.

MNE reads other formats for us. For EDF it would have to read rightly what our reader refuses, and
that does not happen: each fault below is refused by both or read wrongly by MNE, in silence. Where
MNE's reading fits at all it is a guess, shown by two recordings that differ and have the same
bytes: a file cannot be right for both.
"""

import warnings
from collections import Counter

import mne
import numpy as np
import pytest

from brainbrr.data.recordings.read import read_recording
from brainbrr.data.recordings.refusals import UnreadableRecording
from tests.edf_writer import Channel, EdfFile, electrode_file, noise
from tests.oracles.test_edf_fuzz import mutate, seeds

RATE_HZ, STEP_UV = 128.0, 0.1


def mne_s_reading(path, truth_uv, rate_hz):
    """`refuses`, `wrong`, or `fits`: the samples that were recorded, at their rate, all of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            raw = mne.io.read_raw_edf(path, preload=True, verbose="ERROR")
            eeg_uv, read_hz = raw.get_data(picks="eeg") * 1e6, raw.info["sfreq"]
        # MNE raises anything at a damaged file, bare Exception too.
        except Exception:  # noqa: BLE001
            return "refuses"
    eeg_uv = eeg_uv[: len(truth_uv)]
    fits = eeg_uv.shape == truth_uv.shape and abs(read_hz - rate_hz) < 1e-6
    return "fits" if fits and np.allclose(eeg_uv, truth_uv, atol=0.05) else "wrong"


def one_channel(**options):
    return EdfFile([Channel(noise(np.random.default_rng(3), 1024), "EEG Cz-REF", 128, **options)])


def two_rates():
    generator = np.random.default_rng(4)
    channels = [Channel(noise(generator, 1024), "EEG Cz-REF", 128)]
    return EdfFile([*channels, Channel(noise(generator, 512), "EEG Pz-REF", 64)])


def cut(file, n_bytes=1000):
    return file.to_bytes()[:-n_bytes]


def sound(n_records=6):
    """The microvolts that `electrode_file` writes."""
    file = electrode_file()
    return np.stack([c.digital for c in file.channels])[:, : n_records * 128] * STEP_UV


ONE = one_channel().channels[0].digital[None] * STEP_UV
TWO = two_rates().channels[0].digital[None, :896] * STEP_UV
NOTHING = np.empty((0, 0))

FAULTS = {
    # fault: (the file, what was recorded, what MNE makes of it)
    "a record that begins before the one ahead ends": (
        electrode_file(stamps=[0, 1, 2, 1.5, 4, 5], reserved="EDF+D"), sound(), "guess"),
    "a gap of sixteen years": (
        electrode_file(stamps=[0, 1, 2, 3, 4, 5e8], reserved="EDF+D"), sound(), "guess"),
    "called continuous, records two lengths apart": (
        electrode_file(stamps=[0, 2, 4, 6, 8, 10], reserved="EDF+C"), sound(), "guess"),
    "discontinuous without time stamps": (electrode_file(reserved="EDF+D"), sound(), "guess"),
    "records of 0 s": (electrode_file(record_s="0"), sound(), "guess"),
    "records of 'one' s": (electrode_file(record_s="one"), sound(), "refuses"),
    "cut, and a wrong record count": (
        cut(electrode_file(fixed={"n_records": "2"})), sound(5), "guess"),
    "cut, and a wrong header length": (
        cut(electrode_file(fixed={"header_bytes": "512"})), sound(5), "refuses"),
    "cut, and an unreadable record count": (
        cut(electrode_file(fixed={"n_records": "many"})), sound(5), "refuses"),
    "cut, and two rates": (cut(two_rates(), 10), TWO, "guess"),
    "no unit": (one_channel(unit=""), ONE, "wrong"),
    "another unit": (one_channel(unit="uVolts!"), ONE, "wrong"),
    "no physical range": (one_channel(physical=("10", "10")), ONE, "wrong"),
    "no digital range": (one_channel(limits=("5", "5")), ONE, "wrong"),
    "digital range upside down": (one_channel(limits=("100", "-100")), ONE, "wrong"),
    "digital range that 16 bits cannot hold": (
        one_channel(limits=("-99999", "32767")), ONE, "wrong"),
    "ranges that are no numbers": (one_channel(physical=("nan", "1_000")), ONE, "wrong"),
    "no signals": (electrode_file(fixed={"n_signals": "0"}), sound(), "refuses"),
    "1.28 Hz": (electrode_file(record_s="100"), sound(), "wrong"),
    "text": (b"not an edf at all" * 40, NOTHING, "refuses"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid", NOTHING, "refuses"),
    "cut in the header": (electrode_file().to_bytes()[:3000], NOTHING, "refuses"),
    "cut in the first record": (electrode_file().to_bytes()[:9000], NOTHING, "refuses"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_mne_reads_no_fault_rightly_that_ours_refuses(tmp_path, fault):
    file, truth_uv, outcome = FAULTS[fault]
    path = tmp_path / "a.edf"
    path.write_bytes(file.to_bytes() if isinstance(file, EdfFile) else file)
    with pytest.raises(UnreadableRecording):
        read_recording(path)
    found = mne_s_reading(path, truth_uv, RATE_HZ)
    assert found == ("fits" if outcome == "guess" else outcome)


def test_where_mne_fits_it_guesses(tmp_path):
    """The same bytes come from other recordings too, for which MNE's reading would be wrong."""
    slower = electrode_file(record_s="2").to_bytes()
    assert slower[:244] + b"0       " + slower[252:] == electrode_file(record_s="0").to_bytes()

    # Two records as the header says, and behind them something that is no EEG.
    path = tmp_path / "a.edf"
    path.write_bytes(cut(electrode_file(fixed={"n_records": "2"}))[: 256 * 20 + 2 * 19 * 128 * 2])
    recording = read_recording(path)
    assert (recording.duration_s, recording.repairs) == (2.0, ())


LUCKY = (
    "data records longer than 0 s",
    "discontinuous file without timestamps",
    "version field",
    "data records as the header states",
)
"""Refusals under which MNE's guess fits some mutants: the originals last a second a record and have
no gaps, and what was put behind their end is less than a record."""


@pytest.mark.slow
def test_mne_reads_no_mutated_file_rightly_that_ours_refuses(tmp_path):
    generator = np.random.default_rng(11)
    originals = {name: seed for name, seed in seeds().items() if seed[1] is not None}
    path, outcomes = tmp_path / "a.edf", Counter()
    for number in range(5000):
        content, truth_uv = originals[sorted(originals)[number % len(originals)]]
        path.write_bytes(mutate(content, generator)[0])
        try:
            read_recording(path)
        except UnreadableRecording as refusal:
            outcome = mne_s_reading(path, truth_uv, 64.0)
            lucky = any(words in str(refusal) for words in LUCKY)
            outcomes[type(refusal).__name__, f"lucky {outcome}" if lucky else outcome] += 1
    print(dict(outcomes))
    assert not [outcome for outcome in outcomes if outcome[1] == "fits"]
    assert sum(outcomes.values()) > 1000
