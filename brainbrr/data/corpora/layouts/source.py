"""One recording as a corpus lists it, and the refusals every corpus shares."""

from dataclasses import dataclass
from pathlib import Path

from brainbrr.errors import BrainbrrError
from brainbrr.events.event import Event


class NoSuchCorpus(BrainbrrError):
    """A corpus root that does not exist."""


class EmptyCorpus(BrainbrrError):
    """A corpus root without a single recording."""


class MissingLabels(BrainbrrError):
    """Recordings without labels, which are not the same as recordings without seizures."""


class UnreadableLabels(BrainbrrError):
    """A label file that cannot be understood."""


class UnreadableSource(BrainbrrError):
    """A recording that the operating system does not let us open."""


class LockedFolder(BrainbrrError):
    """Folders under a corpus root that may not be looked into."""


class DuplicateRecording(BrainbrrError):
    """Two recordings of one corpus under one name."""


@dataclass(frozen=True)
class Source:
    """Where one recording lies, whose it is and what happens in it.

    Attributes:
        recording_id: unique within the corpus; names the file in the cache.
        path: the recording's file.
        subject: the person, one name however often he or she was recorded.
        session: the corpus's own session, or ``.
        split: `train`, `val`, `test`, or `` where the corpus has no split of its own.
        events: the seizures that the labels name; an empty tuple is a recording labelled as free of
            seizures, None one without labels.
        stated_duration_s: length of the recording as the labels tell it, to check them against the
            signal.
        refusal: why the labels cannot be used; the recording is quarantined with this reason.
    """

    recording_id: str
    path: Path
    subject: str
    session: str = ""
    split: str = ""
    events: tuple[Event, ...] | None = None
    stated_duration_s: float | None = None
    refusal: BrainbrrError | None = None

    @property
    def has_seizures(self) -> bool:
        """Whether the labels name at least one seizure."""
        return any(event.is_seizure for event in self.events or ())
