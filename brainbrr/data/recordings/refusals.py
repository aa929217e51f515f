"""Why a recording is not read. No message quotes a header: it holds names and birth dates."""

from brainbrr.errors import BrainbrrError

ARCHIVES = frozenset({".gz", ".tgz", ".tar", ".zip", ".bz2", ".xz", ".7z", ".zst", ".rar"})
"""Extensions of packed files, which are never unpacked silently."""


class UnreadableRecording(BrainbrrError):
    """The root of all refusals to read a file as EEG."""


class NotAnEdf(UnreadableRecording):
    """The file does not begin like an EDF or BDF."""


class GitLfsPointer(UnreadableRecording):
    """The file is a git-lfs pointer: the recording itself was never downloaded."""


class CompressedFile(UnreadableRecording):
    """The file is gzip, zip or another archive."""


class UnknownFormat(UnreadableRecording):
    """No reader knows the file's extension."""


class UnreadableHeader(UnreadableRecording):
    """A field of the header that everything hangs on is not a number, or not a possible one."""


class HeaderMismatch(UnreadableRecording):
    """The header contradicts itself or the size of the file, and nothing tells which is right."""


class TruncatedEdf(UnreadableRecording):
    """The file ends inside its header or before its first data record does."""


class CorruptRecords(UnreadableRecording):
    """The data records' own time stamps are damaged or contradict the header."""


class AnnotationOnly(UnreadableRecording):
    """The file holds annotations and no signal."""


class ZeroRange(UnreadableRecording):
    """No EEG channel has a digital and a physical range that samples could be scaled with."""


class UnitNotVoltage(UnreadableRecording):
    """No EEG channel is in V, mV, uV or nV."""


class NoSignal(UnreadableRecording):
    """No channel is a voltage."""


class UnsupportedRate(UnreadableRecording):
    """A sampling rate at which no EEG is recorded."""


class ForeignReaderFailed(UnreadableRecording):
    """MNE could not read a file in a format that is not EDF or BDF."""


class JoinedBlocks(UnreadableRecording):
    """Blocks recorded at different times, joined by a reader that does not tell how far apart."""
