"""Any EEG file to microvolts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brainbrr.data.recordings.blocks import RecordingBlocks, recording_of
from brainbrr.data.recordings.edf.header import check_kind
from brainbrr.data.recordings.edf.reader import EdfBlocks
from brainbrr.data.recordings.mne_reader import FOREIGN_SUFFIXES, MneBlocks, open_foreign
from brainbrr.data.recordings.recording import Recording
from brainbrr.data.recordings.refusals import ARCHIVES, CompressedFile, UnknownFormat

if TYPE_CHECKING:
    import mne

EDF_SUFFIXES = frozenset({".edf", ".bdf", ".rec"})


def open_recording(path: str | Path) -> RecordingBlocks:
    """Open a recording to read it a stretch at a time.

    EDF and BDF go through our own reader; BrainVision, EEGLAB, FIF, Nihon Kohden and others through
    MNE.

    Raises:
        UnreadableRecording: one of its named forms; the file's own text is never quoted.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in EDF_SUFFIXES:
        return EdfBlocks(path)
    if suffix in FOREIGN_SUFFIXES:
        if path.is_file():
            with path.open("rb") as file:
                if file.read(23) == b"version https://git-lfs":
                    check_kind(b"version https://git-lfs")
        return open_foreign(path)
    if suffix in ARCHIVES:
        raise CompressedFile("a recording", f"a {suffix} archive", "Unpack it first.")
    raise UnknownFormat(
        f"one of {', '.join(sorted(EDF_SUFFIXES | FOREIGN_SUFFIXES))}",
        f"{suffix or 'no extension'}",
        "Convert the recording to EDF.",
    )


def read_recording(path: str | Path) -> Recording:
    """Read a whole recording: microvolts at the native rate, gaps kept on the clock.

    Raises:
        UnreadableRecording: one of its named forms; the file's own text is never quoted.
        FileNotFoundError: there is no such file.
    """
    return recording_of(open_recording(path))


def from_mne(raw: mne.io.BaseRaw) -> Recording:
    """The EEG channels of an `mne.io.Raw`, with its annotations; `BAD_ACQ_SKIP` becomes gaps.

    Raises:
        NoSignal: MNE sees no EEG channel.
    """
    return recording_of(MneBlocks(raw))
