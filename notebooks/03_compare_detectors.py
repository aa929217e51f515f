# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Compare two detectors
#
# Two sets of predictions on the same recordings: is one better, by which definition, by how much,
# and would it be so with other patients? Two published scorers can disagree threefold on the false
# alarms of one detector, so a comparison names its definition; and because patients differ more
# than detectors do, a difference is judged patient by patient.
#
# `RUN` is a finished run. It is compared with `OTHER`: another run that was tested on the same
# recordings, or the line-length baseline (how long the curve of the EEG is, against its usual
# length; no learning), with its threshold tuned on the same validation recordings. Left at `None`,
# a run of seconds is made whose network has hardly learned anything.
#
# For research; not a medical device.

# %% tags=["parameters"]
RUN = None  # folder that `brainbrr train` wrote
OTHER = "line_length"  # or the folder of another run on the same test recordings
STARTED_IN = ".."  # folder `brainbrr train` was started in: relative paths count from there
N_RESAMPLES = 500  # of the bootstrap over patients
WORK = None  # where the run of seconds goes, and stays; a temporary folder if None

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from small_run import make_run

import brainbrr
from brainbrr.data.corpora.cache import open_signal, read_excerpt
from brainbrr.data.corpora.manifest import read_manifest
from brainbrr.events.detection import Detection, detect
from brainbrr.events.trace import Trace
from brainbrr.events.trace_file import load_traces
from brainbrr.reporting.cases import select_cases
from brainbrr.reporting.eeg_figure import clock, eeg_figure
from brainbrr.reporting.figures import OperatingPoint, curve_figure
from brainbrr.reporting.scoreboard import (
    COLUMN_LABELS,
    DEFINITIONS,
    TARGETS_PER_24H,
    cells,
    decimals_of,
    look_up,
    measure,
)
from brainbrr.scoring.bootstrap import FEWEST_PATIENTS, draw_patients
from brainbrr.scoring.corpus import group_by_subject, score_corpus
from brainbrr.scoring.curve import SortedSteps
from brainbrr.scoring.sweep import sweep_recording
from brainbrr.scoring.tuning import tune
from brainbrr.signal.baselines import line_length_probability
from brainbrr.signal.quantization import dequantize

STYLE = """<style>
.brainbrr { display: flex; flex-wrap: wrap; gap: 1rem; background: #fff; color: #1b1f24 }
.brainbrr svg.eeg { width: 100% } .brainbrr svg.plot { width: 34rem }
.brainbrr .wave { stroke-width: .8px } .brainbrr .grid { stroke: #d0d7de }
.brainbrr .tick, .brainbrr .lead { font-size: 11px } .brainbrr circle.operating { color: #1f5fa8 }
.brainbrr circle.operating.s2 { color: #c2571a }
</style>"""


def show(*drawings):
    """SVG figures of the package, side by side where they fit."""
    display(HTML(f'{STYLE}<div class="brainbrr">{"".join(drawings)}</div>'))


# %%
if RUN is None:
    temporary = tempfile.TemporaryDirectory(prefix="brainbrr-")
    RUN = make_run(Path(WORK or temporary.name).resolve())

# %% [markdown]
# ## The two sets of predictions
#
# A set is a probability trace for each recording and the events that its tuned thresholds make of
# it. The traces of a run are in its folder; those of the baseline come from the cached EEG.
# Neither set's thresholds have seen the recordings below.

# %%
RUN = Path(RUN)
configuration = OmegaConf.load(RUN / "config.yaml")
detector = brainbrr.load_detector(RUN)
digest = detector.preparation.digest
cache = Path(STARTED_IN) / configuration.prepare.cache_root / digest / configuration.data.name
rows = {row.recording_id: row for row in read_manifest(cache / "manifest.jsonl")}


def line_length_trace(row, rate_hz):
    """The baseline's trace of one prepared recording."""
    eeg_uv = dequantize(open_signal(row, cache)[row.observed_mask])
    values = line_length_probability(eeg_uv, detector.preparation.rate_hz).clip(0.0, 1.0)
    return Trace(values, detector.preparation.rate_hz, row.gap_intervals).reduced(rate_hz)


own = load_traces(RUN / "traces")
rate_hz = next(iter(own.values())).rate_hz
references = {name: rows[name].annotation for name in own}
subjects = {name: rows[name].subject for name in own}
own_name = "this run"
detections = {own_name: detector.detection}
if OTHER == "line_length":
    other_name = "line length"
    other = {name: line_length_trace(rows[name], rate_hz) for name in own}
    watched = {name: row for name, row in rows.items() if row.split == "val"}
    tuning = {name: line_length_trace(row, rate_hz) for name, row in watched.items()}
    values = np.concatenate([trace.probability for trace in tuning.values()])
    detections[other_name] = tune(
        tuning,
        {name: row.annotation for name, row in watched.items()},
        split="val",
        subjects={name: row.subject for name, row in watched.items()},
        on_thresholds=np.unique(np.quantile(values, np.linspace(0.5, 0.999, 40))).tolist(),
    ).detection
else:
    other_name = Path(OTHER).name if Path(OTHER).name != RUN.name else "other run"
    other = load_traces(Path(OTHER) / "traces")
    detections[other_name] = brainbrr.load_detector(OTHER).detection
traces = {own_name: own, other_name: other}
found = {
    system: {name: detect(trace, detections[system]) for name, trace in traces[system].items()}
    for system in traces
}
n_seizures = sum(len(one.seizures) for one in references.values())
print(
    f"{len(references)} recordings of {len(set(subjects.values()))} subjects, {n_seizures} seizures"
)
for system, events in found.items():
    n_events = sum(len(one.seizures) for one in events.values())
    print(f"{system}: {n_events} events, {detections[system]}")

# %% [markdown]
# ## Both scoring worlds
#
# The same events under every definition, one system below the other. SzCORE merges events closer
# than 90 s and grants half a minute before and a minute behind a seizure; NEDC's OVLP takes any
# overlap and forgives nothing else; TAES weighs how much of a seizure was covered; EPOCH counts
# quarters of a second. Where the order of the two systems depends on the definition, say so when
# you report it. And look at samples beside events: on recordings of a few minutes, a detector that
# alarms all the time (the run of seconds does) finds every seizure with hardly a false event.

# %%
scores = {
    system: score_corpus(
        references,
        found[system],
        traces[system],
        subjects=subjects,
        against=found[other_name] if system == own_name else None,
        n_resamples=N_RESAMPLES,
    )
    for system in traces
}
table = Table("definition", "system", *COLUMN_LABELS.values())
for definition in DEFINITIONS:
    for number, system in enumerate(scores):
        if look_up(scores[system], definition.path) is None:
            continue
        shown = cells(scores[system], definition)
        texts = [
            f"{one.shown(decimals_of(column))} {one.shown_interval(decimals_of(column))}"
            for column, one in shown.items()
        ]
        table.add_row("" if number else definition.label, system, *texts, end_section=bool(number))
Console(width=150).print(table)
n_patients = len(set(subjects.values()))
if n_patients < FEWEST_PATIENTS:
    print(f"no intervals: {n_patients} patients, fewer than {FEWEST_PATIENTS}")

# %% [markdown]
# ## Over all thresholds
#
# A table compares two thresholds as much as two detectors. The curves compare the detectors: the
# share of seizures found against false alarms in 24 h, over every threshold (OVLP), and the dots
# are where each stands. The one that lies to the upper left is the better one at that rate of
# alarms; curves that cross have no winner.

# %%
points = [
    OperatingPoint(
        system,
        measure(scores[system], "nedc.ovlp.sensitivity").value or 0.0,
        measure(scores[system], "nedc.ovlp.fa_per_24h").value or 0.0,
    )
    for system in scores
]
show(curve_figure({system: scores[system]["curve"]["ovlp"] for system in scores}, points))

# %% [markdown]
# How far could the curves lie elsewhere with other patients? Each band holds 95 % of the curves of
# patients drawn with replacement. Where the bands lie over one another the curves say little; the
# paired comparison further down says more, for both systems met the same patients.

# %%
names, group = group_by_subject(sorted(references), subjects)
weights = draw_patients(len(names), N_RESAMPLES, seed=0)
rates_per_24h = np.geomspace(0.1, 300.0, 80)


def sensitivities(curve):
    """Sensitivity of a curve at each of `rates_per_24h`."""
    return np.array([curve.sensitivity_at(rate) or 0.0 for rate in rates_per_24h])


figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
for system, color in zip(traces, ("tab:blue", "tab:orange"), strict=True):
    steps = SortedSteps.of(
        [
            sweep_recording(traces[system][name], references[name].seizure_intervals, Detection())
            for name in sorted(references)
        ],
        group,
        len(names),
    )
    axes.step(rates_per_24h, sensitivities(steps.curve()), where="post", label=system, color=color)
    # A draw of patients without any seizure has no sensitivity.
    drawn = [row for row in weights if row @ steps.n_seizures > 0]
    if drawn:
        spread = np.array([sensitivities(steps.curve(row)) for row in drawn])
        low, high = np.percentile(spread, [2.5, 97.5], axis=0)
        axes.fill_between(rates_per_24h, low, high, step="post", color=color, alpha=0.15)
axes.set(xscale="log", xlabel="false alarms per 24 h", ylabel="sensitivity (OVLP)", ylim=(0, 1.02))
axes.legend(loc="upper left")
plt.show()

table = Table("false alarms per 24 h", *(f"sensitivity, {system}" for system in scores))
for target in TARGETS_PER_24H:
    shown = [measure(scores[one], f"curve.sensitivity_at_fa.{target}") for one in scores]
    table.add_row(target, *(f"{one.shown()} {one.shown_interval()}" for one in shown))
Console().print(table)

# %% [markdown]
# ## The difference, patient by patient
#
# The paired bootstrap draws patients and scores both systems on each draw: what is hard about a
# patient is hard for both and cancels. An interval that leaves out zero is a difference that other
# patients of this kind would likely show as well. With a handful of patients, or a dozen measures
# looked at in one go, be slow to believe it.

# %%
compared = {
    "SzCORE F1, mean of subjects": "szcore.event.subject_mean.f1",
    "SzCORE sensitivity, mean of subjects": "szcore.event.subject_mean.sensitivity",
    "SzCORE F1, pooled": "szcore.event.pooled.f1",
    "NEDC OVLP F1": "nedc.ovlp.f1",
    "NEDC OVLP sensitivity": "nedc.ovlp.sensitivity",
    "NEDC TAES F1": "nedc.taes.f1",
    "NEDC EPOCH F1": "nedc.epoch.f1",
}
against = scores[own_name]["against"]
figure, axes = plt.subplots(figsize=(9, 3.5), layout="constrained")
for number, path in enumerate(compared.values()):
    one = look_up(against, path)
    if one["interval_95"] is not None:
        axes.plot(one["interval_95"], [number, number], color="tab:blue", linewidth=2)
    if one["difference"] is not None:
        axes.plot(one["difference"], number, "o", color="tab:blue")
axes.axvline(0.0, color="0.5", linewidth=1)
axes.set_yticks(range(len(compared)), compared)
axes.set(ylim=(len(compared) - 0.5, -0.5), xlabel=f"{own_name} less {other_name}")
plt.show()
alarms = look_up(against, "nedc.ovlp.fa_per_24h")
print("false alarms per 24 h (OVLP), difference:", alarms["difference"], alarms["interval_95"])

# %% [markdown]
# ## Which events differ
#
# Seizures by who found them, and false alarms by who gave them. Two systems of equal score may
# find different seizures; then they have something to learn from one another.


# %%
def overlaps(event, others):
    """Whether any of the other events shares time with this one."""
    return any(event.onset_s < one.offset_s and one.onset_s < event.offset_s for one in others)


tally = {"both": 0, f"{own_name} only": 0, f"{other_name} only": 0, "neither": 0}
differing = []
for name, reference in references.items():
    for event in reference.seizures:
        by = tuple(overlaps(event, found[system][name].seizures) for system in found)
        who = {(True, True): "both", (True, False): f"{own_name} only",
               (False, True): f"{other_name} only", (False, False): "neither"}[by]  # fmt: skip
        tally[who] += 1
        if by[0] != by[1]:
            differing.append((name, event, f"seizure found by {who}"))
    for system, rival in ((own_name, other_name), (other_name, own_name)):
        for event in found[system][name].seizures:
            if not overlaps(event, (*reference.seizures, *found[rival][name].seizures)):
                differing.append((name, event, f"false alarm of {system} only"))
print("seizures found by", ", by ".join(f"{who}: {count}" for who, count in tally.items()))
for name, event, what in differing:
    print(f"{what:<32} {name} at {clock(event.onset_s)} for {event.duration_s:.0f} s")

# %% [markdown]
# All of it on the clock of each recording: the annotation in green, the two systems below it.

# %%
shown_names = sorted({name for name, _, _ in differing} or references)[:12]
figure, axes = plt.subplots(figsize=(13, 0.9 * len(shown_names) + 1), layout="constrained")
for number, name in enumerate(shown_names):
    layers = {
        "annotated": (references[name], "tab:green"),
        own_name: (found[own_name][name], "tab:blue"),
        other_name: (found[other_name][name], "tab:orange"),
    }
    for level, (label, (annotation, color)) in enumerate(layers.items()):
        spans = [(event.onset_s, event.duration_s) for event in annotation.seizures]
        place = (number + 0.27 * level - 0.4, 0.24)
        axes.broken_barh(spans, place, color=color, label=label if number == 0 else None)
axes.set_yticks(range(len(shown_names)), shown_names, fontsize=8)
longest_s = max(references[name].duration_s for name in shown_names)
axes.set(xlabel="s", xlim=(0, longest_s), ylim=(len(shown_names) - 0.4, -0.5))
axes.legend(loc="upper right", fontsize=8)
plt.show()

# %% [markdown]
# And the EEG of the first event they disagree on, as each of them saw it: the same stretch, with
# the events and the probability of one and of the other.


# %%
def read_eeg(recording_id, start_s, stop_s):
    """Prepared microvolts of a stretch of one recording."""
    return read_excerpt(rows[recording_id], cache, start_s, stop_s)


if differing:
    name, event, what = differing[0]
    print(f"{what}: {name} at {clock(event.onset_s)}")
    for system in found:
        cases = select_cases(
            {name: references[name]}, {name: found[system][name]}, traces[system], read_eeg
        )
        seen = [
            case
            for case in cases
            if case.onset_s < event.offset_s and event.onset_s < case.offset_s
        ]
        print(f"{system}: {seen[0].kind if seen else 'nothing here'}")
        show(*(eeg_figure(case) for case in seen[:1]))
else:
    print("they agree on every event")
