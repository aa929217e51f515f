"""Why a released detector is refused, by name."""

from brainbrr.errors import BrainbrrError

FETCH_AGAIN = "Fetch the detector again from where it was released."


class NoSuchDetector(BrainbrrError):
    """There is no detector at the path."""


class InvalidDetector(BrainbrrError):
    """A detector whose content is damaged, foreign or hostile; the root of the refusals below."""


class NewerSchema(InvalidDetector):
    """A detector written by a later version of this package."""


class ChangedDetector(InvalidDetector):
    """Content that is not what was released: a digest differs."""


class HostileFile(InvalidDetector):
    """A link out of the folder, a pipe, or a file of absurd size."""


class UnsafeDescription(InvalidDetector):
    """A `detector.yaml` with more in it than plain numbers and words."""


class InvalidNumber(InvalidDetector):
    """A number of the description outside what any detector has."""


class InvalidWeights(InvalidDetector):
    """Weights that are not those of the network described, or not finite."""


class MissingThresholds(InvalidDetector):
    """A detector that does not say how probability becomes events."""


class ForeignMontage(InvalidDetector):
    """A detector for other electrodes than the 19 of the 10-20 system in our order."""


class ForeignRate(InvalidDetector):
    """A detector whose windows are cut at another rate than its recordings are prepared to."""


class SelftestFailed(InvalidDetector):
    """This machine computes other probabilities than the detector's maker got."""


def shown(value: object, n_characters: int = 80) -> str:
    """A foreign value as one short line of printable ASCII, safe to show on a terminal."""
    text = ascii(value)
    return text if len(text) <= n_characters else f"{text[: n_characters - 3]}..."
