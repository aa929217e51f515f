"""Reasons why a recording is not read. No message quotes a header: it holds names and birth dates.

The class names are the reasons written to `quarantine.jsonl`.
"""

import stat
from pathlib import Path
from typing import BinaryIO

from brainbrr.errors import BrainbrrError

ARCHIVES = frozenset({".gz", ".tgz", ".tar", ".zip", ".bz2", ".xz", ".7z", ".zst", ".rar"})
"""Extensions of packed files, which are never unpacked silently."""


class UnreadableRecording(BrainbrrError):
    """A file that cannot be read as EEG; the root of the classes below."""


class NotAnEdf(UnreadableRecording):
    """The file does not start like an EDF or BDF."""


class GitLfsPointer(UnreadableRecording):
    """The file is a git-lfs pointer: the recording itself was never downloaded."""


class CompressedFile(UnreadableRecording):
    """The file is gzip, zip or another archive."""


class UnknownFormat(UnreadableRecording):
    """No reader supports the file's extension."""


class UnreadableHeader(UnreadableRecording):
    """An essential field of the header is not a number, or an impossible one."""


class HeaderMismatch(UnreadableRecording):
    """The header contradicts itself or the size of the file, and nothing shows which is right."""


class TruncatedEdf(UnreadableRecording):
    """The file ends within its header or its first data record."""


class CorruptRecords(UnreadableRecording):
    """The data records' own timestamps are damaged or contradict the header."""


class AnnotationOnly(UnreadableRecording):
    """The file holds annotations and no signal."""


class ZeroRange(UnreadableRecording):
    """No EEG channel has the digital and physical range needed to scale its samples."""


class UnitNotVoltage(UnreadableRecording):
    """No EEG channel is in V, mV, uV or nV."""


class NoSignal(UnreadableRecording):
    """No channel has a voltage unit."""


class UnsupportedRate(UnreadableRecording):
    """A sampling rate outside the range used for EEG."""


class ForeignReaderFailed(UnreadableRecording):
    """MNE could not read a file in a format that is not EDF or BDF."""


class JoinedBlocks(UnreadableRecording):
    """Segments recorded at different times and concatenated without the time between them."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read it; a pipe or device, which may never end, is refused.

    Raises:
        UnreadableRecording: not a regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise UnreadableRecording("a regular file", "another kind", "Copy its content to a file.")
    return path.open("rb")
