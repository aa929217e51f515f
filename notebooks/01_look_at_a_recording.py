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
# # Look at a recording
#
# Before a detector sees a recording, the recording is *prepared*: brought to the 19 electrodes of
# the 10-20 system in average reference, to 256 Hz, to one band, with everything that is no EEG
# marked. This notebook shows one recording on either side of that step, and what training makes of
# it. Nothing is computed here that `brainbrr prepare` and `brainbrr train` do not do themselves.
#
# Point `RECORDING` at a file of your own (EDF, BDF, or anything MNE reads) and `EVENTS` at its
# seizures. Left at `None`, a recording is synthesised, with an electrode that comes off and one
# that hums.
#
# For research; not a medical device.

# %% tags=["parameters"]
RECORDING = None  # path of a recording
EVENTS = None  # its seizures: HED-SCORE TSV, NEDC csv_bi or EDF+ annotations
SHOWN_S = 20.0  # seconds of EEG in the pictures
REAL_RECORDINGS = None  # folder with chbmit/clips; BRAINBRR_SHARED_DATA or ../shared/data if None

# %%
import csv
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from scipy.signal import welch

import brainbrr
from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.data.corpora.prepare_corpus import prepare_corpus
from brainbrr.data.preparation.preparation import Preparation, prepare
from brainbrr.data.windows.index import Kind, Windowing, bad_samples, index_windows, observed_in
from brainbrr.events.annotation import Annotation
from brainbrr.events.formats import read_annotation
from brainbrr.events.intervals import clip
from brainbrr.reporting.cases import Case
from brainbrr.reporting.eeg_figure import eeg_figure
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import derivations, kind_of
from brainbrr.signal.montage import solve_montage
from brainbrr.synthesis import SynthesisParameters
from brainbrr.synthesis.derivation import derivation
from brainbrr.synthesis.files import write_edf
from brainbrr.synthesis.parameters import MONTAGES
from brainbrr.synthesis.recording import make_recording
from brainbrr.synthesis.subject import draw_subjects

work = tempfile.TemporaryDirectory(prefix="brainbrr-")

STYLE = """<style>
.brainbrr { background: #fff; color: #1b1f24 } .brainbrr .wave { stroke-width: .8px }
.brainbrr .tick, .brainbrr .lead { font-size: 11px } .brainbrr .grid { stroke: #d0d7de }
</style>"""


def show(*drawings):
    """SVG figures of the package, one below the other."""
    display(HTML(f'{STYLE}<div class="brainbrr">{"".join(drawings)}</div>'))


# %% [markdown]
# ## The recording as its file gives it
#
# Five minutes of synthetic EEG at 512 Hz against linked ears. Electrode T4 comes off for 50 s, and
# for as long O2 records the mains more than the brain.

# %%
if RECORDING is None:
    none_but_one = {"train": 1, "val": 0, "test": 0}
    parameters = SynthesisParameters(
        n_subjects=none_but_one,
        n_recordings=none_but_one,
        duration_s=300,
        seizures_per_hour={"train": 24.0, "val": 0.0, "test": 0.0},
        min_seizure_s=70.0,
        max_seizure_s=80.0,
        rates_hz=(512,),
        montages=("linked_ears",),
        mains_hz=(50.0,),
        seed=3,
    )
    (subject,) = draw_subjects(parameters)
    made = make_recording(parameters, subject, run=0)
    signals_uv = made.signals_uv.copy()
    signals_uv[made.labels.index("EEG T4-LE"), 20 * 512 : 70 * 512] = 0.0
    hum_uv = 400.0 * np.sin(2 * np.pi * 50.0 * np.arange(50 * 512) / 512)
    signals_uv[made.labels.index("EEG O2-LE"), 150 * 512 : 200 * 512] += hum_uv
    RECORDING = Path(work.name) / "made" / "recording.edf"
    EVENTS = RECORDING.with_suffix(".tsv")
    write_edf(replace(made, signals_uv=signals_uv), RECORDING, "sub-01")
    made.annotation.to_tsv(EVENTS)

RECORDING = Path(RECORDING)
recording = brainbrr.read_recording(RECORDING)
truth = (
    Annotation((), recording.duration_s)
    if EVENTS is None
    else read_annotation(EVENTS, recording.duration_s)
)
print(f"{recording.duration_s:.0f} s at {recording.rate_hz:g} Hz, {len(recording.labels)} channels")
print("mended in reading:", "; ".join(recording.repairs) or "nothing")
print("gaps:", recording.gaps.tolist() or "none")
for event in truth.seizures:
    print(f"{event.event_type} from {event.onset_s:.1f} to {event.offset_s:.1f} s")

# %% [markdown]
# A label says which two potentials a channel is the difference of, if it says anything: `EEG
# T3-LE` is T3 against linked ears, `T7-P7` (CHB-MIT) is T3 against T5 under the newer names, `ECG
# EKG` is no EEG of the scalp and is left out.

# %%
for label, named in zip(recording.labels, derivations(recording.labels), strict=True):
    meant = f"{named.plus} against {named.minus}" if named else "left out"
    print(f"{label:<16} {kind_of(label):<10} {meant}")

# %% [markdown]
# ## Raw against prepared
#
# `prepare` solves the montage, finds the mains frequency in the spectrum and notches it, passes
# 0.5 to 120 Hz without moving anything in time, and resamples. Drift goes, the reference changes,
# the shape of the waves stays. In the prepared signal a robust centre and scale of each electrode
# are stored beside the microvolts, and applied when a network reads it.

# %%
preparation = Preparation()
header, eeg_uv = prepare(recording, preparation)
print("recorded against:", header.reference)
print("mains:", f"{header.mains_hz:g} Hz, notched" if header.mains_hz else "none found")
absent = [name for name, seen in zip(ELECTRODES, header.observed, strict=True) if not seen]
print("electrodes absent:", absent or "none")
print("interpolated:", header.interpolated or "none")
parts = solve_montage(derivations(recording.labels)).parts
print("parts of the head that no channel links:", len(parts) - 1)

first_s = max(0.0, truth.seizures[0].onset_s - SHOWN_S / 4) if truth.seizures else 0.0
last_s = min(first_s + SHOWN_S, recording.duration_s)


def draw(axes, signals_uv, rate_hz, names, spacing_uv=150.0):
    """Channels one below the other between `first_s` and `last_s`, what is too large for its row
    cut off, seizures shaded."""
    shown = signals_uv[:, round(first_s * rate_hz) : round(last_s * rate_hz)]
    shown = shown.clip(-spacing_uv, spacing_uv)
    levels = -spacing_uv * np.arange(len(names))
    time_s = first_s + np.arange(shown.shape[1]) / rate_hz
    axes.plot(time_s, (shown + levels[:, None]).T, color="0.15", linewidth=0.4)
    axes.set_yticks(levels, names, fontsize=7)
    axes.set(xlim=(first_s, last_s), xlabel="s", ylim=(levels[-1] - spacing_uv, spacing_uv))
    for onset_s, offset_s in clip(truth.seizure_intervals, first_s, last_s):
        axes.axvspan(onset_s, offset_s, color="tab:orange", alpha=0.12)


figure, (left, right) = plt.subplots(1, 2, figsize=(14, 7), layout="constrained")
draw(left, recording.eeg_uv, recording.rate_hz, recording.labels)
left.set_title(f"as recorded, {recording.rate_hz:g} Hz; 150 µV between rows")
draw(right, eeg_uv, preparation.rate_hz, ELECTRODES)
right.set_title(f"prepared: average reference, {preparation.rate_hz:g} Hz")
plt.show()

# %% [markdown]
# The spectrum shows the same in one look: the edges of the band, the notch, and in between the
# brain, untouched.

# %%
scalp = [i for i, label in enumerate(recording.labels) if kind_of(label) == "scalp"]
figure, axes = plt.subplots(figsize=(9, 3.5), layout="constrained")
for signals_uv, rate_hz, name in (
    (recording.eeg_uv[scalp], recording.rate_hz, "as recorded"),
    (eeg_uv[np.array(header.observed)], preparation.rate_hz, "prepared"),
):
    frequency_hz, power = welch(signals_uv, rate_hz, nperseg=round(8 * rate_hz))
    axes.loglog(frequency_hz[1:], np.median(power, axis=0)[1:], label=name, linewidth=1)
axes.axvspan(preparation.low_hz, preparation.high_hz, color="0.93")
axes.set(xlabel="Hz", ylabel="µV² / Hz, median of channels", ylim=(1e-6, None))
axes.legend()
plt.show()

# %% [markdown]
# ## The montage before and after
#
# A recording is a linear map from the potentials of electrodes to channels; solving it backwards
# gives each electrode as a weighted sum of channels. Below are those weights for this recording
# and for the ways recordings are usually made. With a common reference, whichever it is, each
# electrode is its own channel minus the average. A bipolar chain has to be summed up along the
# scalp; where no channel links two chains, what one is against the other is not in the data, and
# the number of such parts is told.

# %%
kinds = {"this recording": recording.labels} | {name: derivation(name)[0] for name in MONTAGES}
figure, axes = plt.subplots(1, len(kinds), figsize=(16, 4.2), layout="constrained")
for place, (name, labels) in zip(axes, kinds.items(), strict=True):
    solution = solve_montage(derivations(labels))
    picture = place.imshow(solution.weights, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    place.set_title(f"{name}\nparts: {len(solution.parts)}", fontsize=9)
    place.set_xticks(range(len(labels)), labels, rotation=90, fontsize=5)
    place.set_yticks(range(len(ELECTRODES)), ELECTRODES, fontsize=6)
figure.colorbar(picture, ax=axes, label="weight of a channel in an electrode", shrink=0.8)
plt.show()

# %% [markdown]
# Whatever the recording's own montage was, it can now be read in the one a neurologist is used to:
# the longitudinal bipolar montage, negative up. What is annotated lies below.


# %%
def banana(eeg_uv, header, truth, first_s, last_s, kind="hit"):
    """The prepared EEG of one stretch in the double banana, absent electrodes left empty."""
    cut = slice(round(first_s * preparation.rate_hz), round(last_s * preparation.rate_hz))
    shown = np.where(np.array(header.observed)[:, None], eeg_uv[:, cut], np.nan).astype(np.float32)
    inside = clip(truth.seizure_intervals, first_s, last_s)
    onset_s, offset_s = inside[0] if len(inside) else (first_s, last_s)
    return eeg_figure(
        Case(
            "recording",
            kind,
            float(onset_s),
            float(offset_s - onset_s),
            start_s=first_s,
            eeg_uv=shown,
            rate_hz=preparation.rate_hz,
            truth=inside,
        )
    )


show(banana(eeg_uv, header, truth, first_s, last_s))

# %% [markdown]
# ## Bad spans
#
# Each channel is judged in epochs of two seconds: flat, saturated, disconnected, or nothing but
# mains hum. A bad span is not repaired and not set to zero in silence: the electrode is treated as
# missing there (computed from its neighbours where there are enough, else absent), and the span is
# written to the manifest.

# %%
for electrode, onset_s, offset_s, reason in header.bad_spans:
    print(f"{electrode:<4} {onset_s:7.1f} to {offset_s:7.1f} s   {reason}")
if not header.bad_spans:
    print("no bad span")

COLORS = {"flat": "0.3", "saturated": "tab:red", "disconnected": "tab:purple", "mains": "tab:blue"}
figure, axes = plt.subplots(figsize=(12, 4), layout="constrained")
for electrode, onset_s, offset_s, reason in header.bad_spans:
    row = ELECTRODES.index(electrode)
    axes.broken_barh([(onset_s, offset_s - onset_s)], (row - 0.4, 0.8), color=COLORS[reason])
for onset_s, offset_s in truth.seizure_intervals:
    axes.axvspan(onset_s, offset_s, color="tab:orange", alpha=0.15)
axes.set_yticks(range(len(ELECTRODES)), ELECTRODES, fontsize=7)
axes.set(xlim=(0, header.duration_s), ylim=(len(ELECTRODES) - 0.5, -0.5), xlabel="s")
axes.set_title("bad spans (seizures shaded)")
plt.show()

# %% [markdown]
# ## Windows and their classes
#
# Training looks at 60 s at a time, every 10 s, never across a gap, and sorts windows by how much
# of them is seizure: *none*, *partial* (an edge or a whole seizure inside) or *full*. Balance is
# made of these classes: an epoch takes all partial windows, a share of the full ones, and a new
# draw of those without seizure each time. Nothing of the signal is read for this; it follows from
# the events alone.
#
# Here the recording goes through the cache, as any recording of a corpus does.

# %%
source = Source("recording", RECORDING, "subject", split="train", events=truth.events)
corpus = Corpus("notebook", RECORDING.parent, lambda root: [source])
prepared = prepare_corpus(
    corpus, preparation, Path(work.name) / "cache", workers=1, show_progress=False
)
(row,) = prepared.rows
windowing = Windowing(rate_hz=preparation.rate_hz, window_s=60.0, stride_s=10.0)
index = index_windows([row], windowing)
for kind in Kind:
    print(f"{kind.name.lower():<8} {np.sum(index.kind == kind):3d} windows")

KIND_COLORS = {Kind.NONE: "0.75", Kind.PARTIAL: "tab:orange", Kind.FULL: "tab:red"}
figure, (left, right) = plt.subplots(
    1, 2, figsize=(14, 4.5), width_ratios=[2, 1], sharey=True, layout="constrained"
)
for number, (span, kind) in enumerate(zip(index.span / windowing.rate_hz, index.kind, strict=True)):
    color = KIND_COLORS[Kind(kind)]
    left.broken_barh([(span[0], span[1] - span[0])], (number - 0.4, 0.8), color=color)
for onset_s, offset_s in truth.seizure_intervals:
    left.axvspan(onset_s, offset_s, color="tab:green", alpha=0.25, linewidth=0, zorder=0)
left.set(
    xlabel="s",
    ylabel="window",
    title="windows: none grey, partial orange, full red; seizures shaded",
)

usable = observed_in(
    row.observed_mask,
    bad_samples(row.bad_spans, windowing.rate_hz),
    index.span,
    windowing.max_bad_fraction,
)
right.imshow(usable, aspect="auto", cmap="Greys_r", vmin=-0.5, vmax=1, interpolation="nearest")
right.set_xticks(range(len(ELECTRODES)), ELECTRODES, rotation=90, fontsize=7)
right.set_title("electrodes the network may believe (dark: masked)")
plt.show()

# %% [markdown]
# ## A real recording
#
# CHB-MIT was recorded in bipolar chains, one of them twice and with extra derivations at the
# temples. Where its clips are at hand, here is one: ten seconds before a seizure and the seizure.

# %%
shared = Path(REAL_RECORDINGS or os.environ.get("BRAINBRR_SHARED_DATA", "../../shared/data"))
table = shared / "chbmit" / "clips.tsv"
if table.is_file():
    with table.open(newline="") as file:
        clip_row = next(csv.DictReader(file, delimiter="\t"))
    real = brainbrr.read_recording(shared / "chbmit" / "clips" / clip_row["file"])
    onset_s, offset_s = (float(clip_row[f"seizure_{e}_in_clip_s"]) for e in ("start", "end"))
    real_truth = Annotation((brainbrr.Event(onset_s, offset_s - onset_s),), real.duration_s)
    real_header, real_eeg_uv = prepare(real, preparation)
    print(clip_row["file"], "channels:", ", ".join(real.labels))
    print("recorded against:", real_header.reference)
    seen = dict(zip(ELECTRODES, real_header.observed, strict=True))
    print("absent:", [name for name in ELECTRODES if not seen[name]] or "none")
    print("bad spans:", len(real_header.bad_spans))
    show(banana(real_eeg_uv, real_header, real_truth, 0.0, min(30.0, real.duration_s)))
else:
    print("no real recordings here; set REAL_RECORDINGS to a folder that holds chbmit/clips")
