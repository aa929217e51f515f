"""Why a detector is not exported, or an exported one not loaded, by name."""

from brainbrr.errors import BrainbrrError
from brainbrr.release.refusals import InvalidDetector

REMEDY = "Fetch it again, or export it again from the detector's folder."


class UnknownExport(BrainbrrError):
    """An export format, or a quantisation, that is not offered."""


class OutputExists(BrainbrrError):
    """Something is where the export should go; nothing is ever written over."""


class ExportUnavailable(BrainbrrError):
    """A package, a compiler or a version that an exported form needs is absent."""


class NotExportable(BrainbrrError):
    """A network with a part that cannot be written down as a graph."""


class ExportDiffers(BrainbrrError):
    """An exported detector that computes other probabilities than the one it was made from."""


class InvalidExport(InvalidDetector):
    """An exported detector that is damaged, foreign or hostile; the root of those below."""


class LyingMetadata(InvalidExport):
    """An exported detector whose description does not fit the computation it carries."""


class ExternalData(InvalidExport):
    """An ONNX model that keeps weights in other files: one file is all that is ever opened."""


class OversizedExport(InvalidExport):
    """A file larger than any exported detector."""


class ForeignMachine(InvalidExport):
    """A compiled detector for another processor or another version of torch."""
