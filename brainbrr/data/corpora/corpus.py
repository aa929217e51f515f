"""A corpus on disk: its recordings, whose they are, their labels, a split disjoint by subject."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from brainbrr.data.corpora.layouts.source import (
    DuplicateRecording,
    EmptyCorpus,
    LockedFolder,
    MissingLabels,
    NoSuchCorpus,
    Source,
)
from brainbrr.data.corpora.split import TooFewSubjects, canonical_split, check_disjoint
from brainbrr.data.recordings.refusals import ARCHIVES
from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)

Finder = Callable[[Path], Iterable[Source]]
"""Lists the recordings under a root; each layout (`tusz`, `bids`, ...) is one such function."""

Division = Callable[[Mapping[str, bool]], dict[str, str]]
"""Gives each subject a split; the argument tells which subjects have seizures."""


class PartialSplit(BrainbrrError):
    """A corpus whose own split names some recordings only."""


class UnknownPolicy(BrainbrrError):
    """A choice that does not exist."""


@dataclass(frozen=True)
class Corpus:
    """Recordings under one root in one layout.

    Attributes:
        name: names the corpus in manifests and its folder in the cache; two corpora need two names.
        root: the corpus's top folder; only read.
        find: lists the recordings under the root in the corpus's layout.
        unlabelled: what to do with recordings without labels: `refuse` them all, `leave_out`, or
            `allow` (kept as unlabelled, never as background).
        official_split: use the corpus's own split where it has one; else, and where it has none,
            `division` decides.
        division: gives each subject a split; without one, or with too few subjects for it,
            recordings have none.
        corrections: a reviewer's table from a report, or None; it changes labels.
        max_recordings: keep this many at most, drawn evenly from the splits and from those with and
            without seizures.
    """

    name: str
    root: Path
    find: Finder
    unlabelled: str = "refuse"
    official_split: bool = True
    division: Division | None = None
    corrections: Path | None = None
    max_recordings: int | None = None

    def __post_init__(self) -> None:
        if self.unlabelled not in {"refuse", "leave_out", "allow"}:
            raise UnknownPolicy(
                "data.unlabelled=refuse, leave_out or allow",
                self.unlabelled,
                "Correct the spelling.",
            )
        object.__setattr__(self, "root", Path(self.root).expanduser())

    def sources(self) -> list[Source]:
        """All recordings, sorted by name, labelled as far as the corpus is, each with its split.

        Raises:
            SplitLeak: a subject in two splits.
            BrainbrrError: what `listed` refuses.
        """
        sources = self.listed()
        check_disjoint(sources)
        return sources

    def listed(self) -> list[Source]:
        """As `sources`, whether or not the corpus's own split is disjoint by subject.

        Raises:
            NoSuchCorpus: the root does not exist.
            LockedFolder: a folder under it may not be looked into.
            EmptyCorpus: it holds no recording in this layout.
            DuplicateRecording: two recordings under one name.
            MissingLabels: recordings without labels, unless they are allowed.
            PartialSplit: the corpus's own split names some recordings only.
        """
        if not self.root.is_dir():
            found = "a file, not a folder," if self.root.exists() else "no folder"
            raise NoSuchCorpus(
                f"the corpus {self.name} in a folder", f"{found} {self.root}", "Set data.root."
            )
        _refuse_locked_folders(self.root)
        sources = sorted(self.find(self.root), key=lambda source: source.recording_id)
        self._check_listing(sources)
        return self._with_splits(self._labelled(sources))

    def select(self, sources: list[Source]) -> list[Source]:
        """At most `max_recordings`, taken in turn from each split, with seizures and without."""
        if self.max_recordings is None or len(sources) <= self.max_recordings:
            return sources
        strata: dict[tuple[str, bool], list[Source]] = {}
        for source in sources:
            strata.setdefault((source.split, not source.has_seizures), []).append(source)
        # Seizures first in each round, so that even a handful of recordings holds some.
        ordered = [strata[key] for key in sorted(strata, key=lambda key: (key[1], key[0]))]
        in_turn = [source for turn in zip_longest(*ordered) for source in turn if source]
        chosen = in_turn[: self.max_recordings]
        log.info("%s: %d of %d recordings selected", self.name, len(chosen), len(sources))
        return sorted(chosen, key=lambda source: source.recording_id)

    def _check_listing(self, sources: list[Source]) -> None:
        if not sources:
            raise _no_recordings(self.name, self.root)
        names = Counter(source.recording_id for source in sources)
        twice = sorted(name for name, count in names.items() if count > 1)
        if twice:
            raise DuplicateRecording(
                "one recording to a name",
                f"{len(twice)} names used twice, e.g. {twice[0]}",
                "Rename or remove the copies.",
            )

    def _labelled(self, sources: list[Source]) -> list[Source]:
        """The sources that may stay, by the policy on those without labels."""
        missing = [s for s in sources if s.events is None and s.refusal is None]
        if not missing or self.unlabelled == "allow":
            return sources
        if self.unlabelled == "leave_out" and len(missing) < len(sources):
            log.warning("%s: %d recordings without labels left out", self.name, len(missing))
            return [source for source in sources if source not in missing]
        raise MissingLabels(
            "labels for each recording",
            f"none for {len(missing)} of {len(sources)}, e.g. {missing[0].recording_id}",
            "A recording without labels is not one without seizures: supply them, or set "
            "data.unlabelled=leave_out or data.unlabelled=allow.",
        )

    def _with_splits(self, sources: list[Source]) -> list[Source]:
        own = [canonical_split(source.split) for source in sources]
        if self.official_split and any(own):
            if not all(own):
                raise PartialSplit(
                    "a split for each recording or for none",
                    f"{own.count('')} of {len(own)} recordings without one",
                    "Complete the corpus's split, or divide it anew: data.official_split=false.",
                )
            return [replace(s, split=split) for s, split in zip(sources, own, strict=True)]
        if self.division is None:
            return [replace(source, split="") for source in sources]
        subjects: dict[str, bool] = {}
        for source in sources:
            subjects[source.subject] = subjects.get(source.subject, False) or source.has_seizures
        try:
            division = self.division(subjects)
        except TooFewSubjects as error:
            # Preparing and looking need no split; training asks for one and is refused.
            log.warning("%s is left undivided: %s", self.name, error)
            return [replace(source, split="") for source in sources]
        return [replace(source, split=division[source.subject]) for source in sources]


def _refuse_locked_folders(root: Path) -> None:
    """What a search cannot look into it would leave out in silence."""
    locked: list[str] = []
    for _ in os.walk(root, onerror=lambda error: locked.append(str(error.filename))):
        pass
    if locked:
        raise LockedFolder(
            f"folders under {root} that can be searched",
            f"{len(locked)} that cannot, e.g. {locked[0]}",
            "Grant access, or move them elsewhere.",
        )


def _no_recordings(name: str, root: Path) -> EmptyCorpus:
    """The refusal of a folder without recordings, with what it holds instead."""
    suffixes = Counter(path.suffix.lower() for path in root.rglob("*") if path.is_file())
    held = ", ".join(
        f"{n} {suffix or 'without extension'}" for suffix, n in suffixes.most_common(4)
    )
    packed = any(suffix in ARCHIVES for suffix in suffixes)
    return EmptyCorpus(
        f"recordings in the layout of {name}",
        f"none under {root}, but {held or 'nothing at all'}",
        "Unpack the archives first." if packed else "Check data.root and the choice of data.",
    )
