import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.data.corpora.inspection import DigestedBlocks
from brainbrr.data.recordings.recording import BlocksOfRecording, Recording

N_SAMPLES, RATE_HZ = 100, 10.0


def blocks(gaps=((2.0, 3.5), (6.0, 6.5))):
    eeg_uv = 30 * np.random.default_rng(0).standard_normal((3, N_SAMPLES)).astype(np.float32)
    eeg_uv[1] = 5.0
    for start_s, stop_s in gaps:
        eeg_uv[:, int(start_s * RATE_HZ) : int(stop_s * RATE_HZ)] = 0.0
    return BlocksOfRecording(Recording(eeg_uv, RATE_HZ, ("Fp1", "Fp2", "ECG"), gaps=gaps))


@given(
    st.lists(st.tuples(st.integers(0, N_SAMPLES - 1), st.integers(1, 40)), max_size=8),
    st.booleans(),
)
def test_digests_do_not_depend_on_what_was_read_before(reads, gapless):
    gaps = () if gapless else ((2.0, 3.5), (6.0, 6.5))
    digested = DigestedBlocks(blocks(gaps), [0, 1])
    for first, n in reads:
        last = min(first + n, N_SAMPLES)
        np.testing.assert_array_equal(digested.read(first, last), blocks(gaps).read(first, last))
    assert digested.digests() == DigestedBlocks(blocks(gaps), [0, 1]).digests()
    assert digested.digests() == digested.digests()


def test_a_flat_channel_has_none_and_another_signal_another():
    (ours,) = DigestedBlocks(blocks(), [0, 1]).digests()
    (theirs,) = DigestedBlocks(blocks(), [2]).digests()
    assert ours != theirs


@pytest.mark.parametrize("first", [0, 19, 35, 66, 99])
def test_one_changed_sample_changes_the_digest(first):
    changed = blocks()
    changed._eeg_uv[0, first] += 1.0
    assert DigestedBlocks(changed, [0]).digests() != DigestedBlocks(blocks(), [0]).digests()
