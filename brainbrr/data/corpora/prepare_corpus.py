"""Prepare a corpus into the cache: in parallel, resumable, safe next to a concurrent run."""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from brainbrr.atomic_io import atomic_write
from brainbrr.data.corpora.cache import CacheEntry, RefusedEntry, StaleCache, read_entry
from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.corrections import Correction, apply_corrections, read_corrections
from brainbrr.data.corpora.label_checks import label_fault
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.manifest import ManifestRow, read_manifest, write_manifest
from brainbrr.data.corpora.prepare_recording import (
    Job,
    JobResult,
    cache_writable,
    current_entry,
    entry_path,
    run_job,
)
from brainbrr.data.corpora.split import canonical_split
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.errors import Failed, InvalidFile, InvalidOption, NotFound
from brainbrr.events.annotation import Annotation
from brainbrr.pool import each_in_pool
from brainbrr.progress import progress_bar

log = logging.getLogger(__name__)

MANIFEST, QUARANTINE = "manifest.jsonl", "quarantine.jsonl"


Item = TypeVar("Item")


@dataclass(frozen=True)
class Quarantined:
    """A recording that cannot be used.

    Attributes:
        source: path relative to the corpus root.
        reason: name of the error.
        detail: the error in words, free of anything that identifies a person.
    """

    recording_id: str
    source: str
    reason: str
    detail: str


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus in the cache.

    Attributes:
        folder: holds the signals, `manifest.jsonl` and `quarantine.jsonl`; the second argument of
            `open_signal`.
        rows: the requested recordings, sorted by name, labelled and split.
        quarantine: the requested recordings that cannot be used, and why.
        n_prepared: how many signals this call wrote.
        corrected_s: onsets and offsets of the reviewed segments, by recording.
    """

    folder: Path
    rows: tuple[ManifestRow, ...]
    quarantine: tuple[Quarantined, ...]
    n_prepared: int
    corrected_s: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    def of_split(self, name: str) -> tuple[ManifestRow, ...]:
        """Return the rows of one split; TUSZ's names dev and eval are understood.

        Raises:
            NotFound: it has none.
        """
        rows = tuple(row for row in self.rows if row.split == canonical_split(name))
        if not rows:
            present = sorted({row.split or "no split" for row in self.rows})
            raise NotFound(
                f"recordings in the split {name}",
                f"{len(self.rows)} recordings in {', '.join(present)}",
                "A corpus without its own split needs a subject for each: see conf/data/division.",
            )
        return rows


def prepare_corpus(
    corpus: Corpus,
    preparation: Preparation,
    cache_root: str | Path,
    *,
    workers: int | None = None,
    rebuild: bool = False,
    splits: Sequence[str] = (),
    share: str | None = None,
    show_progress: bool = True,
) -> PreparedCorpus:
    """Prepare what the cache lacks of a corpus, and list what it holds.

    Each recording is written atomically, so a run that was killed resumes where it stopped. Labels
    and splits are read again each time: correcting them requires no preparation. Concurrent runs on
    one cache share the work.

    Args:
        cache_root: the corpus is prepared into `cache_root/<preparation digest>/<corpus name>`.
        workers: processes; None for one per core, 1 for this process only.
        rebuild: prepare again what is already in the cache.
        splits: only recordings of these splits; empty for all.
        share: `K/N`, the K-th of N shards, so that N machines prepare a corpus together.

    Raises:
        InvalidOption: not such a shard.
        StaleCache: a recording, or its cached signal, has changed since it was prepared.
        Failed: the disk is full or read-only, every recording was refused, or a worker process was
            killed.
        InvalidFile: the corrections name a recording that is not in the corpus, or one that is
            unlabelled.
        BrainbrrError: see `Corpus.sources` and `read_corrections`.
    """
    folder = Path(cache_root) / preparation.digest / corpus.name
    everything = corpus.sources()
    corrections = _corrections(corpus, everything)
    wanted = {canonical_split(name) for name in splits}
    in_splits = [source for source in everything if not wanted or source.split in wanted]
    chosen = shard_of(corpus.select(in_splits), share)
    jobs = [
        Job(
            source.recording_id,
            source.path,
            source.path.relative_to(corpus.root).as_posix(),
            corpus.name,
            preparation,
            folder,
            rebuild,
        )
        for source in chosen
        if source.refusal is None
    ]
    with cache_writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        n_prepared = _run_jobs(jobs, workers, show_progress)
        rows, quarantine = _write_lists(everything, corpus, folder, corrections)
    names = {source.recording_id for source in chosen}
    prepared = PreparedCorpus(
        folder,
        tuple(row for row in rows if row.recording_id in names),
        tuple(item for item in quarantine if item.recording_id in names),
        n_prepared,
        {
            name: tuple(correction.span_s for correction in reviewed)
            for name, reviewed in corrections.items()
            if name in names
        },
    )
    if chosen or share is None:
        _report(prepared, corpus)
    return prepared


def _corrections(corpus: Corpus, sources: list[Source]) -> dict[str, list[Correction]]:
    """Read the reviewer's corrections of each recording."""
    corrections: dict[str, list[Correction]] = defaultdict(list)
    if corpus.corrections is None:
        return corrections
    for correction in read_corrections(corpus.corrections):
        corrections[correction.recording_id].append(correction)
    unknown = sorted(set(corrections) - {source.recording_id for source in sources})
    if unknown:
        raise InvalidFile(
            f"corrections of recordings of {corpus.name}",
            f"{len(unknown)} others, e.g. {unknown[0]}",
            "Use the corrections of a report on this corpus.",
        )
    return corrections


def _run_jobs(jobs: list[Job], workers: int | None, show_progress: bool) -> int:
    """Run the jobs that the cache cannot answer; return how many signals were written."""
    missing = [job for job in jobs if job.rebuild or current_entry(job) is None]
    results: list[JobResult] = []
    with progress_bar(show_progress and bool(missing)) as bar:
        task = bar.add_task("preparing", total=len(missing))
        turn = missing
        # What another process is preparing comes last, and is waited for only then: each process
        # has prepared all it could by that time.
        for wait in (False, True):
            busy = []
            for job, result in each_in_pool(partial(run_job, wait=wait), turn, workers):
                if result.state == "busy":
                    busy.append(job)
                    continue
                results.append(result)
                bar.advance(task)
            turn = busy
    stale = [result for result in results if result.state == "stale"]
    if stale:
        raise StaleCache(
            "sources and cached signals unchanged since they were prepared",
            f"{len(stale)} changed, e.g. {stale[0].detail}",
            "Prepare them again: prepare.rebuild=true. For another corpus set another data.name.",
        )
    return sum(result.state == "prepared" for result in results)


def _write_lists(
    sources: list[Source],
    corpus: Corpus,
    folder: Path,
    corrections: Mapping[str, Sequence[Correction]],
) -> tuple[list[ManifestRow], list[Quarantined]]:
    """Write manifest and quarantine of all that the cache holds of the corpus, if they changed."""
    rows: list[ManifestRow] = []
    quarantine: list[Quarantined] = []
    for source in sources:
        reviewed = corrections.get(source.recording_id, ())
        item = manifest_row_for(source, corpus.root, folder, reviewed)
        if isinstance(item, ManifestRow):
            rows.append(item)
        elif item is not None:
            quarantine.append(item)
    manifest = folder / MANIFEST
    if not manifest.exists() or read_manifest(manifest) != rows:
        write_manifest(rows, manifest)
    lines = "".join(
        json.dumps({"source": item.source, "reason": item.reason, "detail": item.detail}) + "\n"
        for item in quarantine
    )
    path = folder / QUARANTINE
    if not path.exists() or path.read_text(encoding="utf-8") != lines:
        with atomic_write(path) as file:
            file.write(lines)
    return rows, quarantine


def _report(prepared: PreparedCorpus, corpus: Corpus) -> None:
    if prepared.quarantine:
        log.warning(
            "%s: %d recordings in quarantine, see %s",
            corpus.name,
            len(prepared.quarantine),
            prepared.folder / QUARANTINE,
        )
    if not prepared.rows:
        first = prepared.quarantine[0] if prepared.quarantine else None
        raise Failed(
            f"usable recordings of {corpus.name}",
            f"none of {len(prepared.quarantine)}"
            + (f", e.g. {first.source}: {first.reason}" if first else ""),
            f"See {prepared.folder / QUARANTINE}, or choose other splits.",
        )


def shard_of(items: Sequence[Item], share: str | None) -> list[Item]:
    """Take every N-th item starting with the K-th for a shard `K/N`; all of them for None.

    The shards `0/N` to `N-1/N` are disjoint and together hold every item.

    Raises:
        InvalidOption: not two numbers with 0 <= K < N.
    """
    if share is None:
        return list(items)
    first, _, of = str(share).partition("/")
    if not (first.isdigit() and of.isdigit() and int(first) < int(of)):
        raise InvalidOption(
            "prepare.share=K/N with 0 <= K < N", str(share), "E.g. prepare.share=0/8."
        )
    return list(items[int(first) :: int(of)])


def manifest_row_for(
    source: Source, root: Path, folder: Path, corrections: Sequence[Correction] = ()
) -> ManifestRow | Quarantined | None:
    """Join what the cache holds of a recording with what its corpus lists.

    Args:
        source: the recording as its corpus lists it.
        root: of the corpus.
        folder: of the corpus in the cache.
        corrections: a reviewer's, of this recording.

    Returns:
        the manifest row, or why there is none; None if the recording is not prepared yet.

    Raises:
        InvalidFile: corrections of an unlabelled recording, or of an event outside it.
    """
    path = source.path.relative_to(root).as_posix()
    entry = read_entry(entry_path(folder, source.recording_id))
    refusal = source.refusal
    if refusal is None and isinstance(entry, CacheEntry):
        refusal = label_fault(source, entry.duration_s)
    if refusal is not None:
        return Quarantined(source.recording_id, path, type(refusal).__name__, refusal.detail)
    if isinstance(entry, RefusedEntry):
        return Quarantined(source.recording_id, path, entry.reason, entry.detail)
    if entry is None:
        return None
    return entry.row(
        subject=source.subject,
        session=source.session,
        split=source.split,
        source=path,
        events=_events(source, entry.duration_s, corrections),
    )


def _events(
    source: Source, duration_s: float, corrections: Sequence[Correction]
) -> list[list[object]] | None:
    """List `[onset_s, duration_s, type]` of each seizure, ending with the recording at most."""
    if source.events is None:
        if corrections:
            raise InvalidFile(
                f"{source.recording_id} has corrections but no labels",
                "Label all of it, or remove it from the corrections.",
            )
        return None
    annotation = apply_corrections(Annotation(source.events, duration_s), corrections)
    return [
        [event.onset_s, min(event.offset_s, duration_s) - event.onset_s, event.event_type]
        for event in annotation.events
    ]
