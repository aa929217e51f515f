import numpy as np
import pytest

from brainbrr.data.recordings.recording import BlocksOfRecording, Recording, recording_of
from brainbrr.errors import InvalidInput
from brainbrr.events.event import Event

EEG = np.arange(20, dtype=np.float32).reshape(2, 10)


@pytest.mark.parametrize(
    ("eeg", "rate_hz"), [(EEG[0], 5.0), (EEG[:1], 5.0), (EEG, 0.0), (EEG, float("nan"))]
)
def test_parts_that_do_not_fit_are_refused(eeg, rate_hz):
    with pytest.raises(InvalidInput, match="one label per channel and a positive rate"):
        Recording(eeg, rate_hz, ("Fp1", "Fp2"))


def test_blocks_of_a_recording_give_it_back():
    recording = Recording(
        EEG, 5.0, ("Fp1", "Fp2"), gaps=[[0.2, 0.4]], events=(Event(1.0, 0.5),), repairs=("x",)
    )
    blocks = BlocksOfRecording(recording)
    np.testing.assert_array_equal(blocks.read(3, 7), EEG[:, 3:7])
    again = recording_of(blocks)
    np.testing.assert_array_equal(again.eeg_uv, EEG)
    np.testing.assert_array_equal(again.gaps, recording.gaps)
    assert (again.events, again.repairs, again.duration_s) == (recording.events, ("x",), 2.0)
    blocks.read(0, 10)[:] = 0
    assert recording.eeg_uv[0, 1] == 1.0, "a block is a copy"
