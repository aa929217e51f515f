"""How fast scoring is: a corpus of TUSZ's size, SeizeIT2 beside timescoring, traces, many samples.

python benchmarks/scoring.py [--seizeit2 FOLDER] [--samples 2e9] [--hours 20]

Times are those of one process; the ratio to timescoring is taken in the same run.
"""

import argparse
import resource
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import Detection
from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals, clip, merge
from brainbrr.events.trace import Trace
from brainbrr.scoring.corpus import score_corpus
from brainbrr.scoring.folders import read_references, score
from brainbrr.scoring.sample_level import CHUNK, SampleHistogram, auroc, average_precision
from brainbrr.scoring.szcore import event_counts, sample_counts
from brainbrr.scoring.timeline import Timeline
from brainbrr.scoring.tuning import tune

TUSZ_FILES, TUSZ_SEIZURES, TUSZ_SUBJECTS = 7_400, 4_000, 675
HEADER = "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seizeit2", type=Path, help="folder of SeizeIT2's event tables")
    parser.add_argument("--samples", type=float, default=2e8, help="samples for AUROC")
    parser.add_argument("--hours", type=float, default=20.0, help="hours of traces to tune on")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    many_samples(rng, int(options.samples))
    tusz_size(rng)
    if options.seizeit2:
        beside_timescoring(rng, options.seizeit2)
    traces_of(rng, options.hours)


def tusz_size(rng):
    """Score 7,400 files with 4,000 seizures, from memory and from TSV files."""
    names = [f"sub-{i % TUSZ_SUBJECTS:03d}_run-{i}" for i in range(TUSZ_FILES)]
    seizures = {name: [] for name in names}
    for _ in range(TUSZ_SEIZURES):
        event = Event(float(rng.uniform(0, 600)), float(rng.gamma(2, 30) + 2))
        seizures[names[rng.integers(2_000)]].append(event)
    truth = {name: Annotation(tuple(found), 720.0) for name, found in seizures.items()}
    claim = {name: jittered(rng, one) for name, one in truth.items()}
    subjects = {name: name[:7] for name in names}
    timed("7,400 files from memory", lambda: score_corpus(truth, claim, subjects=subjects))
    with tempfile.TemporaryDirectory() as folder:
        sides = Path(folder, "truth"), Path(folder, "claim")
        for side, annotations in zip(sides, (truth, claim), strict=True):
            side.mkdir()
            for name, one in annotations.items():
                (side / f"{name}.tsv").write_text(as_table(one))
        timed("7,400 files from folders", lambda: score(*sides))


def as_table(annotation):
    """A table without the fsync of `write_tsv`, which would be what is measured."""
    rest = f"n/a\tn/a\tn/a\t{annotation.duration_s}"
    rows = [f"{e.onset_s}\t{e.duration_s}\tsz\t{rest}" for e in annotation.events]
    return "\n".join([HEADER, *(rows or [f"0\t{annotation.duration_s}\tbckg\t{rest}"])]) + "\n"


def jittered(rng, truth):
    """A detector that misses a third, is off by seconds, and raises a false alarm now and then."""
    kept = [
        Event(max(one.onset_s + float(rng.normal(0, 10)), 0.0), one.duration_s)
        for one in truth.seizures
        if rng.random() > 1 / 3
    ]
    n_false = rng.poisson(truth.duration_s / 20_000)
    false = [Event(float(rng.uniform(0, truth.duration_s)), 20.0) for _ in range(n_false)]
    return Annotation((*kept, *false), truth.duration_s)


def beside_timescoring(rng, folder):
    """SzCORE scores of SeizeIT2, here and by timescoring, both from the same normalised events."""
    from timescoring import annotations, scoring

    truth = read_references(folder)
    claim = {name: jittered(rng, one) for name, one in truth.items()}
    pairs = [
        tuple(
            clip(merge(side[name].seizure_intervals), 0, one.duration_s) for side in (truth, claim)
        )
        for name, one in truth.items()
    ]
    durations_s = [one.duration_s for one in truth.values()]

    def ours():
        timeline = Timeline.of(durations_s)
        sides = [timeline.place([pair[i] for pair in pairs]) for i in range(2)]
        return [
            (int(counts.tp), int(counts.fp))
            for counts in (
                scorer(timeline, *sides).total() for scorer in (event_counts, sample_counts)
            )
        ]

    def theirs():
        found = np.zeros((2, 2), int)
        for pair, duration_s in zip(pairs, durations_s, strict=True):
            sides = [
                annotations.Annotation(list(map(tuple, side.tolist())), 10, round(duration_s * 10))
                for side in pair
            ]
            scores = scoring.EventScoring(*sides), scoring.SampleScoring(*sides)
            found += [[one.tp, one.fp] for one in scores]
        return [tuple(row) for row in found.tolist()]

    n_seizures = sum(len(pair[0]) for pair in pairs)
    print(f"SeizeIT2: {len(pairs)} files, {sum(durations_s) / 3600:.0f} h, {n_seizures} seizures")
    mine, own_s = timed("  SzCORE event and sample, here", ours)
    others, their_s = timed("  SzCORE event and sample, timescoring 0.0.7", theirs)
    print(f"  tp and fp {mine} here, {others} there; ratio of times {their_s / own_s:.0f}")
    print(f"  peak memory {peak_mb(ours):.1f} MB here, {peak_mb(theirs):.1f} MB there")
    timed("  everything in scores.json", lambda: score_corpus(truth, claim))


def traces_of(rng, hours):
    """Tune and score traces at 256 Hz."""
    traces, references = {}, {}
    for i in range(round(hours * 4)):
        n_samples = 900 * 256
        logit = np.repeat(rng.normal(-4, 1.5, n_samples // 64), 64)
        logit += rng.normal(0, 0.3, n_samples)
        events = (Event(300.0, 60.0),) if i % 4 == 0 else ()
        if events:
            logit[300 * 256 : 360 * 256] += 5
        probability = (1 / (1 + np.exp(-logit))).astype(np.float32)
        traces[str(i)] = Trace(probability, 256.0, as_intervals([]))
        references[str(i)] = Annotation(events, 900.0)
    settings = {"smoothing_s": (2.0, 5.0), "min_duration_s": (5.0, 10.0)}
    timed(
        f"tuning on {hours:g} h, 144 settings",
        lambda: tune(traces, references, split="val", **settings),
    )
    timed(
        f"alarm budget on {hours:g} h",
        lambda: tune(traces, references, split="val", alarm_budget=5.0),
    )
    found = {name: Annotation((), one.duration_s) for name, one in references.items()}
    timed(
        f"all scores of {hours:g} h of traces",
        lambda: score_corpus(references, found, traces, detection=Detection()),
    )


def many_samples(rng, n_samples):
    """AUROC and average precision of samples that are made on the fly."""

    def parts():
        for _ in range(-(-n_samples // CHUNK)):
            label = rng.random(CHUNK, dtype=np.float32) < 0.05
            logit = rng.standard_normal(CHUNK, dtype=np.float32) * 2 - 4 + 4 * label
            yield (1 / (1 + np.exp(-logit))).astype(np.float32), label

    samples, _ = timed(f"{n_samples:.0e} samples", lambda: SampleHistogram.of(parts()))
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    (area, area_bound), (precision, precision_bound) = auroc(samples), average_precision(samples)
    print(f"  AUROC {area:.6f} +- {area_bound:.1e}, AP {precision:.6f} +- {precision_bound:.1e}")
    print(f"  peak memory of the process {peak_gb:.2f} GB")


def peak_mb(function):
    """The most memory held at once beyond what was held before, arrays included."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def timed(what, function):
    """Run once, tell the time, return result and seconds."""
    began = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - began
    print(f"{what}: {seconds:.2f} s", flush=True)
    return result, seconds


if __name__ == "__main__":
    main()
