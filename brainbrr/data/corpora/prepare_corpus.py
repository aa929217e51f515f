"""A whole corpus into the cache: in parallel, resumable at any instant, safe beside another run."""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from brainbrr.atomic_io import atomic_write
from brainbrr.data.corpora.cache import StaleCache
from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.corrections import Correction, read_corrections
from brainbrr.data.corpora.labelled import Quarantined, label
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.manifest import ManifestRow, read_manifest, write_manifest
from brainbrr.data.corpora.pool import each_in_pool
from brainbrr.data.corpora.prepare_recording import Job, Outcome, cache_writable, current, run_job
from brainbrr.data.corpora.shard import share_of
from brainbrr.data.corpora.split import canonical_split
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.errors import BrainbrrError
from brainbrr.progress import progress_bar

log = logging.getLogger(__name__)

MANIFEST, QUARANTINE = "manifest.jsonl", "quarantine.jsonl"


class NothingPrepared(BrainbrrError):
    """A corpus of which every recording was refused."""


class CorrectionOfStranger(BrainbrrError):
    """A correction of a recording that the corpus does not have."""


class EmptySplit(BrainbrrError):
    """A split without a single recording."""


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus in the cache.

    Attributes:
        folder: holds the signals, `manifest.jsonl` and `quarantine.jsonl`; the second argument of
            `open_signal`.
        rows: the recordings asked for, sorted by name, labelled and split.
        quarantine: the recordings asked for that cannot be used, and why.
        n_prepared: how many signals this call wrote.
        corrected_s: onsets and offsets of the stretches a reviewer judged, by recording.
    """

    folder: Path
    rows: tuple[ManifestRow, ...]
    quarantine: tuple[Quarantined, ...]
    n_prepared: int
    corrected_s: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)

    def of_split(self, name: str) -> tuple[ManifestRow, ...]:
        """The rows of one split; TUSZ's names dev and eval are understood.

        Raises:
            EmptySplit: it has none.
        """
        rows = tuple(row for row in self.rows if row.split == canonical_split(name))
        if not rows:
            present = sorted({row.split or "no split" for row in self.rows})
            raise EmptySplit(
                f"recordings in the split {name}",
                f"{len(self.rows)} recordings in {', '.join(present)}",
                "A corpus without own split needs a subject for each: see conf/data/division.",
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
    """Prepare what the cache lacks of a corpus, and tell what it holds.

    Each recording is written whole or not at all, so a run that was killed goes on where it
    stopped. Labels and splits are read anew each time: correcting them needs no preparation. Two
    runs on one cache share the work.

    Args:
        cache_root: the corpus lands in `cache_root/<preparation digest>/<corpus name>`.
        workers: processes; None for one a core, 1 for none beside this one.
        rebuild: prepare again what is already there.
        splits: only recordings of these splits; all where empty.
        share: `K/N`, only every N-th of these from the K-th on, for N machines together.

    Raises:
        NoSuchShare: not such a share.
        StaleCache: a recording, or its cached signal, has changed since it was prepared.
        CacheNotWritable: the disk is full or read-only.
        NothingPrepared: every recording was refused.
        WorkerDied: a worker process was killed.
        CorrectionOfStranger: the reviewer's table names a recording that is not in the corpus.
        BrainbrrError: what `Corpus.sources` and `read_corrections` refuse.
    """
    folder = Path(cache_root) / preparation.digest / corpus.name
    everything = corpus.sources()
    corrections = _corrections(corpus, everything)
    wanted = {canonical_split(name) for name in splits}
    in_splits = [source for source in everything if not wanted or source.split in wanted]
    chosen = share_of(corpus.select(in_splits), share)
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
        n_prepared = _work_off(jobs, workers, show_progress)
        rows, quarantine = _write_lists(everything, corpus, folder, corrections)
    names = {source.recording_id for source in chosen}
    prepared = PreparedCorpus(
        folder,
        tuple(row for row in rows if row.recording_id in names),
        tuple(item for item in quarantine if item.recording_id in names),
        n_prepared,
        {name: tuple(c.span_s for c in own) for name, own in corrections.items() if name in names},
    )
    if chosen or share is None:
        _report(prepared, corpus)
    return prepared


def _corrections(corpus: Corpus, sources: list[Source]) -> dict[str, list[Correction]]:
    """The reviewer's corrections of each recording."""
    found: dict[str, list[Correction]] = defaultdict(list)
    if corpus.corrections is None:
        return found
    for correction in read_corrections(corpus.corrections):
        found[correction.recording_id].append(correction)
    strangers = sorted(set(found) - {source.recording_id for source in sources})
    if strangers:
        raise CorrectionOfStranger(
            f"corrections of recordings of {corpus.name}",
            f"{len(strangers)} others, e.g. {strangers[0]}",
            "Take the corrections of a report on this corpus.",
        )
    return found


def _work_off(jobs: list[Job], workers: int | None, show_progress: bool) -> int:
    """Run the jobs that the cache cannot answer; those another process has claimed come last."""
    missing = [job for job in jobs if job.rebuild or current(job) is None]
    outcomes: list[Outcome] = []
    with progress_bar(show_progress and bool(missing)) as bar:
        task = bar.add_task("preparing", total=len(missing))
        turn = missing
        for wait in (False, True):
            busy = []
            for job, outcome in each_in_pool(partial(run_job, wait=wait), turn, workers):
                if outcome.state == "busy":
                    busy.append(job)
                    continue
                outcomes.append(outcome)
                bar.advance(task)
            turn = busy
    stale = [outcome for outcome in outcomes if outcome.state == "stale"]
    if stale:
        raise StaleCache(
            "sources and cached signals unchanged since they were prepared",
            f"{len(stale)} changed, e.g. {stale[0].detail}",
            "Prepare them again: prepare.rebuild=true. For another corpus set another data.name.",
        )
    return sum(outcome.state == "prepared" for outcome in outcomes)


def _write_lists(
    sources: list[Source],
    corpus: Corpus,
    folder: Path,
    corrections: Mapping[str, Sequence[Correction]],
) -> tuple[list[ManifestRow], list[Quarantined]]:
    """Manifest and quarantine of all that the cache holds of the corpus, rewritten if changed."""
    rows: list[ManifestRow] = []
    quarantine: list[Quarantined] = []
    for source in sources:
        own = corrections.get(source.recording_id, ())
        item = label(source, corpus.root, folder, own)
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
        raise NothingPrepared(
            f"recordings of {corpus.name} that can be used",
            f"none of {len(prepared.quarantine)}"
            + (f", e.g. {first.source}: {first.reason}" if first else ""),
            f"See {prepared.folder / QUARANTINE}, or choose other splits.",
        )
