"""One annotated interval of a recording."""

import math
from dataclasses import dataclass

from brainbrr.errors import InvalidInput

SEIZURE = "sz"
BACKGROUND = "bckg"


@dataclass(frozen=True)
class Event:
    """A half-open interval of a recording, `[onset_s, onset_s + duration_s)`.

    Attributes:
        onset_s: seconds from the start of the recording; the gaps of a discontinuous file count.
        duration_s: seconds, positive.
        event_type: HED-SCORE code; `sz`, `sz_foc_...`, `sz_gen_...` are seizures, `bckg` is
            background.
        confidence: probability in [0, 1], or None if unknown.
        channels: names of the electrodes or derivations involved; empty if unknown.
    """

    onset_s: float
    duration_s: float
    event_type: str = SEIZURE
    confidence: float | None = None
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.onset_s) and math.isfinite(self.duration_s) and self.duration_s > 0
        ):
            raise InvalidInput(
                "a finite onset and a positive, finite duration in seconds",
                f"onset {self.onset_s} s, duration {self.duration_s} s",
                "Correct or drop the row.",
            )
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0:
            raise InvalidInput(
                "a confidence from 0 to 1", f"{self.confidence}", "Write n/a if it is unknown."
            )

    @property
    def offset_s(self) -> float:
        """First second after the event."""
        return self.onset_s + self.duration_s

    @property
    def is_seizure(self) -> bool:
        """Whether the HED-SCORE code names a seizure: `sz`, or `sz_...`, or the dashed spelling
        `sz-...`."""
        code = self.event_type.lower().replace("-", "_")
        return code == SEIZURE or code.startswith(SEIZURE + "_")
