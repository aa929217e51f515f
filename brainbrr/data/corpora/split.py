"""Train, validation and test split by subject: every subject is in one split only."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError, InvalidOption

SPLITS = ("train", "val", "test")

_SPELLINGS = {
    "train": "train", "training": "train",
    "val": "val", "dev": "val", "valid": "val", "validation": "val",
    "test": "test", "eval": "test",
    "": "", "n/a": "",
}  # fmt: skip


class SplitLeak(BrainbrrError):
    """One subject in more than one split."""


class TooFewSubjects(BrainbrrError):
    """Fewer subjects than the splits require."""


class Belonging(Protocol):
    """Anything that has a subject and a split: a `Source` or a `ManifestRow`."""

    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def split(self) -> str: ...  # noqa: D102


def canonical_split(name: str) -> str:
    """Return `train`, `val` or `test` for any spelling in use; TUSZ has dev and eval.

    Raises:
        InvalidOption: another word.
    """
    try:
        return _SPELLINGS[name.strip().lower()]
    except KeyError:
        raise InvalidOption(
            "a split among train, val (or dev) and test (or eval)", name, "Correct the spelling."
        ) from None


def check_disjoint(recordings: Iterable[Belonging]) -> None:
    """Check that no subject is in two splits; recordings without a split are ignored.

    Raises:
        SplitLeak: a subject is.
    """
    splits: dict[str, set[str]] = {}
    for recording in recordings:
        if recording.split:
            splits.setdefault(recording.subject, set()).add(recording.split)
    leaks = {subject: names for subject, names in sorted(splits.items()) if len(names) > 1}
    if leaks:
        subject, names = next(iter(leaks.items()))
        raise SplitLeak(
            "each subject in one split",
            f"{len(leaks)} in several, e.g. {subject} in {', '.join(sorted(names))}",
            "Correct the corpus's split, or divide it by subject: data.official_split=false.",
        )


def by_fractions(
    subjects: Mapping[str, bool], *, train: float, val: float, test: float, seed: int
) -> dict[str, str]:
    """Divide subjects by fractions, those with seizures and those without alike.

    Args:
        subjects: whether each subject has seizures.
        train, val, test: fractions of the subjects, scaled to a sum of 1. A positive fraction gets
            at least one subject.
        seed: the same seed and subjects give the same split on every machine.

    Raises:
        TooFewSubjects: fewer subjects than positive fractions.
    """
    quotas = _quotas(len(subjects), np.array([train, val, test], dtype=np.float64))
    given = np.zeros(3, dtype=np.int64)
    split = {}
    for position, subject in enumerate(_shuffled(subjects, seed), 1):
        # The split furthest behind its quota is next, so that each part of the list (first all
        # subjects with seizures) is divided alike.
        lag = np.where(given < quotas, quotas * position / len(subjects) - given, -np.inf)
        chosen = int(np.argmax(lag))
        given[chosen] += 1
        split[subject] = SPLITS[chosen]
    return split


def by_fold(subjects: Mapping[str, bool], *, n_folds: int, fold: int, seed: int) -> dict[str, str]:
    """Divide subjects into seeded folds: one for test, the next for validation, the rest to train.

    Raises:
        TooFewSubjects: fewer than three folds, or fewer subjects than folds.
        InvalidOption: no such fold.
    """
    if n_folds < len(SPLITS) or len(subjects) < n_folds:
        raise TooFewSubjects(
            "three folds or more, and a subject for each",
            f"{n_folds} folds, {len(subjects)} subjects",
            "Set data.division.n_folds accordingly.",
        )
    if not 0 <= fold < n_folds:
        raise InvalidOption(f"a fold from 0 to {n_folds - 1}", str(fold), "Set data.division.fold.")
    role = {fold: "test", (fold + 1) % n_folds: "val"}
    ordered = _shuffled(subjects, seed)
    return {subject: role.get(index % n_folds, "train") for index, subject in enumerate(ordered)}


def by_leaving_out(
    subjects: Mapping[str, bool], *, subject: str, val: float, seed: int
) -> dict[str, str]:
    """Leave one subject out for test; a fraction of the others is for validation.

    Raises:
        InvalidOption: the corpus has no such subject.
        TooFewSubjects: fewer than three subjects.
    """
    if subject not in subjects:
        raise InvalidOption(
            f"a subject among {', '.join(sorted(subjects))}", subject, "Set data.division.subject."
        )
    others = {name: has for name, has in subjects.items() if name != subject}
    return by_fractions(others, train=1.0 - val, val=val, test=0.0, seed=seed) | {subject: "test"}


def _quotas(n_subjects: int, fractions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round to numbers of subjects by largest remainder, at least one per positive fraction."""
    positive = fractions > 0
    if n_subjects < int(positive.sum()):
        raise TooFewSubjects(
            f"a subject for each of {int(positive.sum())} splits",
            f"{n_subjects} subjects",
            "Add subjects, or set a fraction to 0: data.division.val=0.",
        )
    exact = n_subjects * fractions / fractions.sum()
    quotas = np.maximum(np.floor(exact).astype(np.int64), positive)
    while quotas.sum() != n_subjects:
        step = 1 if quotas.sum() < n_subjects else -1
        movable = positive & ((step > 0) | (quotas > 1))
        quotas[np.argmax(np.where(movable, step * (exact - quotas), -np.inf))] += step
    return quotas


def _shuffled(subjects: Mapping[str, bool], seed: int) -> list[str]:
    """Order subjects: those with seizures first, each part in seeded order."""
    generator = np.random.default_rng(seed)
    ordered: list[str] = []
    for has_seizures in (True, False):
        part = sorted(name for name, has in subjects.items() if has == has_seizures)
        ordered += [part[index] for index in generator.permutation(len(part))]
    return ordered
