"""A corpus on disk: its recordings, subjects and labels, and a split disjoint by subject."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.split import TooFewSubjects, canonical_split, check_disjoint
from brainbrr.data.recordings.refusals import ARCHIVES
from brainbrr.errors import InvalidFile, InvalidOption, NotFound

log = logging.getLogger(__name__)

Finder = Callable[[Path], Iterable[Source]]
"""Lists the recordings under a root; one function per layout (`tusz`, `bids`, ...)."""

Division = Callable[[Mapping[str, bool]], dict[str, str]]
"""Assigns each subject a split; the argument maps each to whether it has seizures."""


@dataclass(frozen=True)
class Corpus:
    """Recordings under one root in one layout.

    Attributes:
        name: of the corpus in manifests and of its folder in the cache; unique per corpus.
        root: the corpus's top folder; it is only read.
        find: lists the recordings under the root in the corpus's layout.
        unlabelled: what to do with recordings without labels: `refuse` them all, `leave_out`, or
            `allow` (kept as unlabelled, never as background).
        official_split: use the corpus's own split if it has one; otherwise `division` decides.
        division: assigns each subject a split; without it, or with too few subjects, recordings
            have none.
        corrections: a reviewer's table from a report, or None; it changes labels.
        max_recordings: keep at most this many, drawn evenly from the splits and from recordings
            with and without seizures.
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
            raise InvalidOption(
                "data.unlabelled=refuse, leave_out or allow",
                self.unlabelled,
                "Correct the spelling.",
            )
        object.__setattr__(self, "root", Path(self.root).expanduser())

    def sources(self) -> list[Source]:
        """List all recordings, sorted by name, with their labels and splits.

        Raises:
            SplitLeak: a subject in two splits.
            BrainbrrError: see `listed`.
        """
        sources = self.listed()
        check_disjoint(sources)
        return sources

    def listed(self) -> list[Source]:
        """List as `sources` does, even if the corpus's own split is not disjoint by subject.

        Raises:
            NotFound: the root does not exist or holds no recording in this layout; recordings
                without labels, unless they are allowed.
            InvalidFile: a folder that cannot be searched, two recordings with one name, or a split
                of the corpus's own that covers some recordings only.
        """
        if not self.root.is_dir():
            problem = "is not a folder" if self.root.exists() else "does not exist"
            raise NotFound(f"{self.root}, the root of {self.name}, {problem}", "Set data.root.")
        _refuse_locked_folders(self.root)
        sources = sorted(self.find(self.root), key=lambda source: source.recording_id)
        self._check_listing(sources)
        return self._with_splits(self._labelled(sources))

    def select(self, sources: list[Source]) -> list[Source]:
        """Select at most `max_recordings`, in turn from each split, with seizures and without."""
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
            raise InvalidFile(
                "a unique name per recording",
                f"{len(twice)} names used twice, e.g. {twice[0]}",
                "Rename or remove the copies.",
            )

    def _labelled(self, sources: list[Source]) -> list[Source]:
        """Apply the policy on recordings without labels."""
        missing = [s for s in sources if s.events is None and s.refusal is None]
        if not missing or self.unlabelled == "allow":
            return sources
        if self.unlabelled == "leave_out" and len(missing) < len(sources):
            log.warning("%s: %d recordings without labels left out", self.name, len(missing))
            return [source for source in sources if source not in missing]
        raise NotFound(
            "labels for each recording",
            f"none for {len(missing)} of {len(sources)}, e.g. {missing[0].recording_id}",
            "A recording without labels is not one without seizures: supply them, or set "
            "data.unlabelled=leave_out or data.unlabelled=allow.",
        )

    def _with_splits(self, sources: list[Source]) -> list[Source]:
        official = [canonical_split(source.split) for source in sources]
        if self.official_split and any(official):
            if not all(official):
                raise InvalidFile(
                    "a split for every recording or for none",
                    f"{official.count('')} of {len(official)} recordings without one",
                    "Complete the corpus's split, or divide it: data.official_split=false.",
                )
            return [replace(s, split=split) for s, split in zip(sources, official, strict=True)]
        if self.division is None:
            return [replace(source, split="") for source in sources]
        subjects: dict[str, bool] = {}
        for source in sources:
            subjects[source.subject] = subjects.get(source.subject, False) or source.has_seizures
        try:
            division = self.division(subjects)
        except TooFewSubjects as error:
            # Preparing and inspecting need no split; training requests one and is refused.
            log.warning("%s is not divided into splits: %s", self.name, error)
            return [replace(source, split="") for source in sources]
        return [replace(source, split=division[source.subject]) for source in sources]


def _refuse_locked_folders(root: Path) -> None:
    """Refuse folders that cannot be searched: their recordings would be left out in silence."""
    locked: list[str] = []
    for _ in os.walk(root, onerror=lambda error: locked.append(str(error.filename))):
        pass
    if locked:
        raise InvalidFile(
            f"folders under {root} that can be searched",
            f"{len(locked)} that cannot, e.g. {locked[0]}",
            "Grant access, or move them elsewhere.",
        )


def _no_recordings(name: str, root: Path) -> NotFound:
    """Describe what a folder without recordings holds instead."""
    suffixes = Counter(path.suffix.lower() for path in root.rglob("*") if path.is_file())
    held = ", ".join(
        f"{n} {suffix or 'without extension'}" for suffix, n in suffixes.most_common(4)
    )
    packed = any(suffix in ARCHIVES for suffix in suffixes)
    return NotFound(
        f"{root} holds no recording in the layout of {name}, but {held or 'no file at all'}",
        "Unpack the archives first." if packed else "Check data.root and the choice of data.",
    )
