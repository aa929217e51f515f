import os
from pathlib import Path

import pytest

from brainbrr.data.recordings.read import open_recording
from brainbrr.data.recordings.refusals import UnreadableRecording


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["x.edf", "x.bdf", "x.vhdr", "x.fif"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UnreadableRecording, match="a regular file"):
        open_recording(tmp_path / name)
