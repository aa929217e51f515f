"""Read an EEG file of any supported format as microvolts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brainbrr.data.recordings.edf.header import check_kind
from brainbrr.data.recordings.edf.reader import EdfBlocks
from brainbrr.data.recordings.mne_reader import FOREIGN_SUFFIXES, MneBlocks, open_foreign
from brainbrr.data.recordings.recording import Recording, RecordingBlocks, recording_of
from brainbrr.data.recordings.refusals import (
    ARCHIVES,
    CompressedFile,
    UnknownFormat,
    open_regular,
)

if TYPE_CHECKING:
    import mne

EDF_SUFFIXES = frozenset({".edf", ".bdf", ".rec"})


def open_recording(path: str | Path) -> RecordingBlocks:
    """Open a recording to read it block by block.

    EDF and BDF go through our own reader; BrainVision, EEGLAB, FIF, Nihon Kohden and others through
    MNE.

    Raises:
        UnreadableRecording: one of its subclasses; the file's own text is never quoted.
        FileNotFoundError: the file does not exist.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in EDF_SUFFIXES:
        return EdfBlocks(path)
    if suffix in FOREIGN_SUFFIXES:
        if path.exists() and not path.is_dir():
            with open_regular(path) as file:
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
    """Read all of a recording: microvolts at the native rate, with gaps as zeros.

    Raises:
        UnreadableRecording: one of its subclasses; the file's own text is never quoted.
        FileNotFoundError: the file does not exist.
    """
    return recording_of(open_recording(path))


def from_mne(raw: mne.io.BaseRaw) -> Recording:
    """Read the EEG channels of an `mne.io.Raw` and its annotations; `BAD_ACQ_SKIP` becomes gaps.

    Raises:
        NoSignal: it has no channel of type EEG.
    """
    return recording_of(MneBlocks(raw))
