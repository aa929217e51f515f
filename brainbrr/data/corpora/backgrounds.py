"""Real recordings without seizures, for `brainbrr.synthesis` to plant seizures into."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.split import by_fractions
from brainbrr.data.recordings.read import read_recording
from brainbrr.errors import NotFound
from brainbrr.synthesis.planting import Background, BackgroundEeg

log = logging.getLogger(__name__)


def find_backgrounds(
    root: str | Path,
    find: Callable[[Path], Iterable[Source]],
    *,
    train: float,
    val: float,
    test: float,
    seed: int,
) -> tuple[Background, ...]:
    """List the recordings below `root` that are without labelled seizures.

    Args:
        find: the corpus's layout.
        train, val, test: fractions of the subjects in each split.
        seed: of the split.

    Raises:
        NotFound: no recording there.
        TooFewSubjects: fewer subjects than positive fractions.
    """
    root = Path(root)
    sources = list(find(root))
    usable = [each for each in sources if each.refusal is None and not each.has_seizures]
    if not usable:
        raise NotFound(
            "recordings without seizures", f"{len(sources)} recordings in {root}, none of them",
            "Set backgrounds to a folder of seizure-free EEG.",
        )  # fmt: skip
    if len(usable) < len(sources):
        log.warning("left out %d recordings with seizures or unreadable labels",
                    len(sources) - len(usable))  # fmt: skip
    subjects = dict.fromkeys((each.subject for each in usable), False)
    split = by_fractions(subjects, train=train, val=val, test=test, seed=seed)
    return tuple(
        Background(
            each.path, each.path.relative_to(root).as_posix(), each.subject, split[each.subject]
        )
        for each in usable
    )


def read_background(path: Path) -> BackgroundEeg:
    """Read the longest part of a recording without a gap.

    Raises:
        UnreadableRecording: the file cannot be read as EEG; one of its subclasses.
    """
    recording = read_recording(path)
    edges = np.concatenate([[0.0], recording.gaps.ravel(), [recording.duration_s]]).reshape(-1, 2)
    onset_s, offset_s = edges[np.argmax(edges[:, 1] - edges[:, 0])]
    first, last = round(onset_s * recording.rate_hz), round(offset_s * recording.rate_hz)
    return BackgroundEeg(recording.eeg_uv[:, first:last], recording.labels, recording.rate_hz)
