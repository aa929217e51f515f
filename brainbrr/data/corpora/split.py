"""Who is trained on, who is watched, who is tested: every subject in one split only."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError

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
    """Fewer subjects than the splits asked for."""


class UnknownSplit(BrainbrrError):
    """A split that is none of train, val (dev) and test (eval)."""


class UnknownSubject(BrainbrrError):
    """A subject that the corpus does not have."""


class Belonging(Protocol):
    """Anything that has a subject and a split: a `Source` or a `ManifestRow`."""

    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def split(self) -> str: ...  # noqa: D102


def canonical_split(name: str) -> str:
    """`train`, `val` or `test` for any spelling in use: TUSZ says dev and eval.

    Raises:
        UnknownSplit: another word.
    """
    try:
        return _SPELLINGS[name.strip().lower()]
    except KeyError:
        raise UnknownSplit(
            "a split among train, val (or dev) and test (or eval)", name, "Correct the spelling."
        ) from None


def check_disjoint(recordings: Iterable[Belonging]) -> None:
    """Refuse a corpus in which a subject lies in two splits.

    Recordings without a split are left out.

    Raises:
        SplitLeak: such a subject exists.
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
            "Correct the corpus's split, or divide it anew by subject: data.official_split=false.",
        )


def by_fractions(
    subjects: Mapping[str, bool], *, train: float, val: float, test: float, seed: int
) -> dict[str, str]:
    """Divide subjects by fractions, those with seizures and those without alike.

    Args:
        subjects: whether each subject has seizures.
        train, val, test: shares of the subjects; they are scaled to a sum of 1. A positive share
            gets at least one subject.
        seed: the same seed and subjects give the same split on every machine.

    Raises:
        TooFewSubjects: fewer subjects than positive shares.
    """
    shares = np.array([train, val, test], dtype=np.float64)
    quotas = _quotas(len(subjects), shares)
    given = np.zeros(3, dtype=np.int64)
    split = {}
    for position, subject in enumerate(_shuffled(subjects, seed), 1):
        # The split that lags its quota most is next, so each stretch of the list (first all with
        # seizures) is shared out alike.
        lag = np.where(given < quotas, quotas * position / len(subjects) - given, -np.inf)
        chosen = int(np.argmax(lag))
        given[chosen] += 1
        split[subject] = SPLITS[chosen]
    return split


def by_fold(subjects: Mapping[str, bool], *, n_folds: int, fold: int, seed: int) -> dict[str, str]:
    """Seeded k-fold over subjects: one fold is tested, the next one watched, the rest trained on.

    Raises:
        TooFewSubjects: fewer than three folds, or fewer subjects than folds.
        UnknownSplit: no such fold.
    """
    if n_folds < len(SPLITS) or len(subjects) < n_folds:
        raise TooFewSubjects(
            "three folds or more, and a subject for each",
            f"{n_folds} folds, {len(subjects)} subjects",
            "Set data.division.n_folds accordingly.",
        )
    if not 0 <= fold < n_folds:
        raise UnknownSplit(f"a fold from 0 to {n_folds - 1}", str(fold), "Set data.division.fold.")
    role = {fold: "test", (fold + 1) % n_folds: "val"}
    ordered = _shuffled(subjects, seed)
    return {subject: role.get(place % n_folds, "train") for place, subject in enumerate(ordered)}


def by_leaving_out(
    subjects: Mapping[str, bool], *, subject: str, val: float, seed: int
) -> dict[str, str]:
    """Leave one subject out: it is tested, a share of the others watched, the rest trained on.

    Raises:
        UnknownSubject: the corpus has no such subject.
        TooFewSubjects: fewer than three subjects.
    """
    if subject not in subjects:
        raise UnknownSubject(
            f"a subject among {', '.join(sorted(subjects))}", subject, "Set data.division.subject."
        )
    others = {name: has for name, has in subjects.items() if name != subject}
    return by_fractions(others, train=1.0 - val, val=val, test=0.0, seed=seed) | {subject: "test"}


def _quotas(n_subjects: int, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers of subjects by largest remainder, one at least for each positive share."""
    positive = shares > 0
    if n_subjects < int(positive.sum()):
        raise TooFewSubjects(
            f"a subject for each of {int(positive.sum())} splits",
            f"{n_subjects} subjects",
            "Add subjects, or set a share to 0: data.division.val=0.",
        )
    exact = n_subjects * shares / shares.sum()
    quotas = np.maximum(np.floor(exact).astype(np.int64), positive)
    while quotas.sum() != n_subjects:
        step = 1 if quotas.sum() < n_subjects else -1
        movable = positive & ((step > 0) | (quotas > 1))
        quotas[np.argmax(np.where(movable, step * (exact - quotas), -np.inf))] += step
    return quotas


def _shuffled(subjects: Mapping[str, bool], seed: int) -> list[str]:
    """Subjects with seizures first, each part in seeded order."""
    generator = np.random.default_rng(seed)
    ordered: list[str] = []
    for has_seizures in (True, False):
        part = sorted(name for name, has in subjects.items() if has == has_seizures)
        ordered += [part[place] for place in generator.permutation(len(part))]
    return ordered
