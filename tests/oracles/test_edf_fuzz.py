"""Mutated EDF headers and bodies: right samples or a refusal by name, no crash, hang or garbage.

What is read is held twice: against an independent decoder of the same bytes, and, where a mutation
touched nothing but the structure (lengths, counts, kind), against the samples that were written.
"""

import time
from collections import Counter

import numpy as np
import pytest

from brainbrr.data.preparation.preparation import Preparation, prepare
from brainbrr.data.recordings.read import read_recording
from brainbrr.data.recordings.refusals import UnreadableRecording
from brainbrr.errors import BrainbrrError
from tests.edf_writer import Channel, EdfFile, electrode_file, noise
from tests.oracles.plain_edf_decoder import decode

STRUCTURE = {
    "header_bytes": (184, 8), "n_records": (236, 8), "record_s": (244, 8), "n_signals": (252, 4),
    "reserved": (192, 5),
}  # fmt: skip
TEXTS = [
    b"", b"-1", b"0", b"1", b"2", b"7", b"99", b"1e5", b"nan", b"inf", b"-0", b"0.5", b"1,5",
    b"0x10", b"\0", b"\xff\xff", b"512", b"99999999", b"+3", b"5 5", b"EDF+D", b"EDF+C", b"abc",
    b"1_0",
]  # fmt: skip


def seeds():
    """Name, bytes, and the microvolts that were written (None where they are not one matrix)."""
    generator = np.random.default_rng(5)
    few = [Channel(noise(generator, 6 * 64), f"EEG {n}-REF", 64) for n in ("Fp1", "F3", "Cz", "O2")]
    truth = np.stack([c.digital for c in few]) * 0.1
    mixed = [
        *few[:3],
        Channel(noise(generator, 6 * 32), "EEG O1-REF", 32),
        Channel(noise(generator, 6 * 32), "EKG", 32),
    ]
    notes = {"stamps": range(6), "reserved": "EDF+C", "notes": [(2, 1, "sz")]}
    return {
        "plain": (EdfFile(few).to_bytes(), truth),
        "continuous": (EdfFile(few, **notes).to_bytes(), truth),
        "gaps": (EdfFile(few, stamps=[0, 1, 5, 6, 7.5, 9], reserved="EDF+D").to_bytes(), None),
        "mixed": (EdfFile(mixed).to_bytes(), None),
        "nineteen": (electrode_file(4, 64, stamps=range(4), reserved="EDF+C").to_bytes(), None),
    }  # fmt: skip


def mutate(content, generator):
    """Some bytes changed, and whether only the structure was touched."""
    content = bytearray(content)
    header = 256 * (int(content[252:256]) + 1)
    structural = True
    for _ in range(generator.integers(1, 4)):
        kind = generator.integers(0, 7)
        if kind <= 1:
            at, width = STRUCTURE[str(generator.choice(list(STRUCTURE)))]
            content[at : at + width] = bytes(TEXTS[generator.integers(len(TEXTS))]).ljust(width)[
                :width
            ]
        elif kind == 2:
            structural = False
            n_signals = (header - 256) // 256
            field, width = int(generator.choice([0, 96, 104, 112, 120, 128, 216])), 8
            at = (
                256
                + n_signals * field
                + int(generator.integers(n_signals)) * (16 if field == 0 else 8)
            )
            content[at : at + width] = bytes(TEXTS[generator.integers(len(TEXTS))]).ljust(width)[
                :width
            ]
        elif kind == 3:
            del content[int(generator.integers(len(content))) :]
        elif kind == 4:
            content += generator.bytes(int(generator.integers(1, 3000)))
            structural = False
        elif kind == 5:
            structural = False
            content[int(generator.integers(len(content)))] = (
                int(generator.integers(256)) if content else 0
            )
        else:
            structural = False
            at = int(generator.integers(len(content)))
            content[at : at + 64] = generator.bytes(min(64, len(content) - at))
        if len(content) < 256:
            break
    return bytes(content), structural


def check_against_decoder(recording, content):
    """Every channel with the commonest number of samples equals the decoder's, run by run."""
    plain = decode(content)
    assert plain is not None, "read what an independent decoder cannot"
    found = np.delete(recording.eeg_uv, gap_samples(recording), axis=1)
    per_record = round(found.shape[1] / plain["n_records"])
    factors = {"V": 1e6, "mV": 1e3, "uV": 1.0, "nV": 1e-3}
    remaining = [s for s in plain["signals"] if s[3] is not None]
    for label, row in zip(recording.labels, found, strict=True):
        matches = [s for s in remaining if s[0] == label]
        assert matches, "a channel that is not in the file"
        _, unit, count, values = matches[0]
        remaining.remove(matches[0])
        if count == per_record and unit in factors:
            expected = np.array(values[: len(row)]) * factors[unit]
            tolerance = 1e-6 * np.abs(expected).max(initial=1.0) + 1e-6
            np.testing.assert_allclose(row, expected, atol=tolerance)


def gap_samples(recording):
    index = np.arange(recording.eeg_uv.shape[1]) / recording.rate_hz
    inside = [(index >= a - 1e-9) & (index < b - 1e-9) for a, b in recording.gaps]
    return np.flatnonzero(np.any(inside, axis=0)) if inside else []


def check_against_truth(recording, truth):
    """The samples that were written, from the first on, on their clock."""
    length = min(recording.eeg_uv.shape[1], truth.shape[1])
    np.testing.assert_allclose(recording.eeg_uv[:, :length], truth[:, :length], atol=1e-3)
    assert recording.eeg_uv.shape == truth[:, :length].shape


def prepared(recording):
    """What preparing a mutated file came to; what comes out is finite."""
    try:
        _, eeg = prepare(recording, Preparation())
    except BrainbrrError as refusal:
        return f"prepare: {type(refusal).__name__}"
    assert np.isfinite(eeg).all()
    return "prepare: done"


def fuzz(n_files, seed, folder):
    """Outcomes of `n_files` mutations: the name of the refusal, or `read`, or `read, mended`."""
    generator = np.random.default_rng(seed)
    originals = seeds()
    outcomes: Counter[str] = Counter()
    path = folder / "a.edf"
    for number in range(n_files):
        name = sorted(originals)[number % len(originals)]
        original, truth = originals[name]
        content, structural = mutate(original, generator)
        path.write_bytes(content)
        started_s = time.perf_counter()
        try:
            recording = read_recording(path)
        except UnreadableRecording as refusal:
            outcomes[type(refusal).__name__] += 1
            continue
        finally:
            assert time.perf_counter() - started_s < 10, f"mutation {number} took too long"
        outcomes["read, mended" if recording.repairs else "read"] += 1
        assert np.isfinite(recording.eeg_uv).all()
        check_against_decoder(recording, content)
        if name == "nineteen":
            outcomes[prepared(recording)] += 1
        unstamped = name == "plain" and content[244:252] != original[244:252]
        if structural and truth is not None and not unstamped:
            check_against_truth(recording, truth)
    return outcomes


def read_outcomes(outcomes):
    return sum(n for name, n in outcomes.items() if not name.startswith("prepare"))


def test_a_few_hundred_mutations(tmp_path):
    outcomes = fuzz(400, 1, tmp_path)
    assert read_outcomes(outcomes) == 400
    assert outcomes["prepare: done"] > 5
    assert outcomes["read"] + outcomes["read, mended"] > 40
    assert len(outcomes) > 6


@pytest.mark.slow
def test_ten_thousand_mutations(tmp_path):
    outcomes = fuzz(10_000, 2, tmp_path)
    print(dict(outcomes.most_common()))
    assert read_outcomes(outcomes) == 10_000


def test_the_decoder_reads_what_was_written():
    content, truth = seeds()["plain"]
    decoded = np.array([values for *_, values in decode(content)["signals"]])
    np.testing.assert_allclose(decoded, truth, atol=1e-9)
