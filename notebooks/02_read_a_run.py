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
# # Read a run
#
# `brainbrr train` leaves a folder: the configuration, every logged number, the detector, its
# predictions on subjects it never saw, and their scores. This notebook reads that folder and shows
# what a score table hides: how training went, the events the detector got most wrong with the EEG
# around them, and the graph of electrodes it saw while it did.
#
# Point `RUN` at a finished run. Left at `None`, a run of seconds is made: its network has hardly
# learned anything and alarms most of the time; it is there so that every cell has something to
# show.
#
# For research; not a medical device.

# %% tags=["parameters"]
RUN = None  # folder that `brainbrr train` wrote
STARTED_IN = ".."  # folder `brainbrr train` was started in: relative paths count from there
N_CASES = 2  # events of each kind to look at
WORK = None  # where the run of seconds goes, and stays; a temporary folder if None

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, display
from omegaconf import OmegaConf
from rich.console import Console
from small_run import make_run

import brainbrr
from brainbrr.data.corpora.cache import open_signal, read_excerpt
from brainbrr.data.corpora.manifest import read_manifest
from brainbrr.data.windows.index import bad_samples, observed_in
from brainbrr.events.trace_file import load_traces
from brainbrr.events.tsv import read_tsv
from brainbrr.models.scaling import standardize
from brainbrr.reporting.cases import select_cases
from brainbrr.reporting.eeg_figure import clock, eeg_figure
from brainbrr.reporting.figures import curve_figure, head_figure, reliability_figure
from brainbrr.reporting.report import reliability_sets
from brainbrr.reporting.table import score_table
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.windows import read_window
from brainbrr.training.callbacks.metrics_file import read_metrics

STYLE = """<style>
.brainbrr { display: flex; flex-wrap: wrap; gap: 1rem; background: #fff; color: #1b1f24 }
.brainbrr svg.eeg { width: 100% } .brainbrr svg.plot { width: 30rem }
.brainbrr svg.headplot { width: 14rem } .brainbrr .wave { stroke-width: .8px }
.brainbrr .electrode { fill: #f5f7f9; stroke: #d0d7de } .brainbrr .grid { stroke: #d0d7de }
.brainbrr .tick, .brainbrr .lead { font-size: 11px } .brainbrr .electrode-name { font-size: 8.5px }
</style>"""


def show(*drawings):
    """SVG figures of the package, side by side where they fit."""
    display(HTML(f'{STYLE}<div class="brainbrr">{"".join(drawings)}</div>'))


# %% [markdown]
# ## The run

# %%
if RUN is None:
    temporary = tempfile.TemporaryDirectory(prefix="brainbrr-")
    RUN = make_run(Path(WORK or temporary.name).resolve())

RUN = Path(RUN)
configuration = OmegaConf.load(RUN / "config.yaml")
record = OmegaConf.load(RUN / "run_record.yaml")
detector = brainbrr.load_detector(RUN)
n_parameters = sum(parameter.numel() for parameter in detector.network.parameters())
print("corpus:    ", configuration.data.name)
print("model:     ", detector.model["family"], f"with {n_parameters:,} parameters")
print("commit:    ", record.code.commit, "(changed)" if record.code.dirty else "")
print("thresholds:", detector.detection)
print("tuned on:  ", detector.provenance.get("tuned_on"))

# %% [markdown]
# ## How training went
#
# `metrics.csv` holds every number that was logged, one row each. Worth a look before any score:
#
# - the **loss** falls on both sides. Where only the one on training windows falls, the network
#   learns its subjects by heart;
# - the **gradient norm** stays of one size; skipped steps, if any, are counted under `guard/`;
# - **waiting for data** stays near zero, or the loader is what limits the speed;
# - the **event F1** of stitched validation recordings is what chose the weights. It moves in jumps,
#   because it counts events.

# %%
metrics = {}
for step, name, value in read_metrics(RUN / "metrics.csv"):
    metrics.setdefault(name, []).append((step, value))
names = sorted(metrics)
n_columns = 4
figure, places = plt.subplots(
    -(-len(names) // n_columns), n_columns, figsize=(15, 2.4 * -(-len(names) // n_columns)),
    squeeze=False, sharex=True, layout="constrained",
)  # fmt: skip
for axes, name in zip(places.flat, names, strict=False):
    steps, values = np.array(metrics[name]).T
    axes.plot(steps, values, marker="." if len(steps) < 30 else None, linewidth=1)
    axes.set_title(name, fontsize=9)
for axes in places.flat[len(names) :]:
    axes.axis("off")
figure.supxlabel("optimiser steps", fontsize=9)
plt.show()

# %% [markdown]
# ## What came of it
#
# Scores on the test split: subjects who took part neither in training nor in the choice of
# thresholds. Both standards, side by side, with 95 % intervals over patients; a dash is undefined.
# The same with comparisons is in the run's `report.html`.

# %%
scores = json.loads((RUN / "scores.json").read_text())
Console(width=110).print(score_table(scores))
show(
    curve_figure({"NEDC OVLP": scores["curve"]["ovlp"], "SzCORE": scores["curve"]["szcore"]}),
    reliability_figure(reliability_sets(scores)),
)

# %% [markdown]
# ## The worst alarms and misses
#
# A number does not say *why*. Below are the longest seizures that were missed and the surest
# alarms where none was annotated, each in the double banana with what was annotated, what was
# detected and the probability of seizure. Usual suspects among the alarms: chewing, rhythmic
# drowsiness, a loose electrode, and seizures the annotator missed. If it is the latter,
# `report.html` can write corrections that training takes back in.
#
# The EEG comes from the cache the run was trained with, found through the run's configuration.

# %%
digest = detector.preparation.digest
cache = Path(STARTED_IN) / configuration.prepare.cache_root / digest / configuration.data.name
rows = {row.recording_id: row for row in read_manifest(cache / "manifest.jsonl")}


def events_of(row, folder):
    """The events that a run's folder holds for one recording."""
    source = Path(row.source)
    name = f"{source.stem.removesuffix('_eeg')}_events.tsv"
    return read_tsv(RUN / folder / source.parent / name)


def read_eeg(recording_id, start_s, stop_s):
    """Prepared microvolts of a stretch of one recording."""
    return read_excerpt(rows[recording_id], cache, start_s, stop_s)


traces = load_traces(RUN / "traces")
references = {name: events_of(rows[name], "reference") for name in traces}
hypotheses = {name: events_of(rows[name], "hypothesis") for name in traces}
cases = select_cases(references, hypotheses, traces, read_eeg, N_CASES)
print(f"{len(traces)} recordings, {sum(len(one.seizures) for one in references.values())} seizures")
for case in cases:
    print(
        f"{case.kind:<15} {case.recording_id} at {clock(case.onset_s)} for {case.duration_s:.0f} s"
    )

# %% [markdown]
# ### Missed seizures


# %%
def show_cases(kind):
    """Every chosen case of one kind, or that there is none."""
    drawn = [eeg_figure(case) for case in cases if case.kind == kind]
    if drawn:
        show(*drawn)
    else:
        print(f"no {kind}")


show_cases("missed seizure")

# %% [markdown]
# ### False alarms

# %%
show_cases("false alarm")

# %% [markdown]
# ### Found, but barely
#
# Events the detector was least sure of: where its threshold decides.

# %%
show_cases("hit")

# %% [markdown]
# ## What the detector saw: its graph over time
#
# The V3 detector ties electrodes to one another anew 16 times a second, by how alike their
# features are, each to its nearest three. `network.explain` gives those ties for a window, and how
# large each electrode's features are behind the graph. Here they are for the window around the
# longest seizure that was missed, or the longest at all: if the graph means anything, it changes
# where the seizure begins, and does so around the electrodes where the EEG shows it.

# %%
missed = [(case.recording_id, case) for case in cases if case.kind == "missed seizure"]
annotated = [(name, event) for name, one in references.items() for event in one.seizures]
# The longest that was missed; else the longest at all; else the beginning of a recording.
beginning = [(next(iter(traces)), brainbrr.Event(0.0, detector.windowing.window_s))]
looked_at, event = max(missed or annotated or beginning, key=lambda found: found[1].duration_s)
onset_s, offset_s = event.onset_s, event.offset_s
print(f"{looked_at}, {clock(onset_s)} to {clock(offset_s)}")
row, windowing = rows[looked_at], detector.windowing
signal = open_signal(row, cache)
first = round((onset_s - windowing.window_s / 3) * windowing.rate_hz)
first = max(0, min(first, signal.shape[1] - windowing.length))
span = np.array([first, min(first + windowing.length, signal.shape[1])])
observed = observed_in(
    row.observed_mask,
    bad_samples(row.bad_spans, windowing.rate_hz),
    span[None],
    windowing.max_bad_fraction,
)
window = read_window(signal, span, windowing.length)[0]

with torch.inference_mode():
    present = torch.from_numpy(observed)
    center, scale = (torch.tensor([values]) for values in (row.center_uv, row.scale_uv))
    explained = (
        detector.network.explain(
            standardize(torch.from_numpy(window)[None], present, center, scale), present
        )
        if hasattr(detector.network, "explain")
        else None
    )

# %% [markdown]
# Each row is an electrode. Above, the strength of all its ties at each frame; below, the size of
# its features; then the probability the window alone gives. The lines mark the event.

# %%
if explained is None:
    print(f"{detector.model['family']} has no graph to show")
else:
    start_s = first / windowing.rate_hz
    stop_s = start_s + windowing.window_s
    adjacency = explained.adjacency[0].float().numpy()
    shown = {
        "strength of ties": adjacency.sum(axis=2).T,
        "size of features": explained.node_activity[0].numpy(),
    }
    figure, places = plt.subplots(
        3, 1, figsize=(13, 9), height_ratios=[3, 3, 1], sharex=True, layout="constrained"
    )
    for axes, (name, values) in zip(places, shown.items(), strict=False):
        edges = (start_s, stop_s, len(ELECTRODES) - 0.5, -0.5)
        picture = axes.imshow(values, aspect="auto", extent=edges, interpolation="nearest")
        axes.set_yticks(range(len(ELECTRODES)), ELECTRODES, fontsize=7)
        figure.colorbar(picture, ax=axes, label=name, pad=0.01)
    probability = torch.sigmoid(explained.logits[0].float()).numpy()
    places[2].plot(start_s + np.arange(len(probability)) / windowing.rate_hz, probability)
    places[2].set(ylim=(0, 1), ylabel="probability", xlabel="s", xlim=(start_s, stop_s))
    for axes in places:
        for edge_s in (onset_s, offset_s):
            axes.axvline(edge_s, color="tab:red", linewidth=1)
    plt.show()

# %% [markdown]
# The same ties on a head seen from above, nose up, averaged over ten seconds before the event, at
# its beginning, in its middle and at its end. Thickness is relative within each picture; hovering
# over a line tells the weight.

# %%
if explained is not None:
    frames_per_s = adjacency.shape[0] / windowing.window_s
    moments = {
        "before": onset_s - 5.0,
        "beginning": onset_s + 5.0,
        "middle": (onset_s + offset_s) / 2,
        "end": offset_s - 5.0,
    }
    heads = []
    for name, middle_s in moments.items():
        low, high = (round((middle_s + way * 5.0 - start_s) * frames_per_s) for way in (-1, 1))
        low, high = max(low, 0), min(high, adjacency.shape[0])
        if low < high:
            head = head_figure(adjacency[low:high].mean(axis=0))
            heads.append(f"<div>{name}, {clock(max(middle_s, 0.0))}<br>{head}</div>")
    show(*heads)
