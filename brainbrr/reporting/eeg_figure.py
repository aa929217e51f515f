"""The EEG of an event in bipolar rows, negative up, with annotation and probability below."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from brainbrr.events.intervals import Intervals
from brainbrr.reporting import svg
from brainbrr.reporting.cases import Case
from brainbrr.reporting.markup import Html, fill
from brainbrr.signal.electrodes import ELECTRODES

CHAINS = (
    ("Fp1", "F7", "T3", "T5", "O1"),
    ("Fp1", "F3", "C3", "P3", "O1"),
    ("Fz", "Cz", "Pz"),
    ("Fp2", "F4", "C4", "P4", "O2"),
    ("Fp2", "F8", "T4", "T6", "O2"),
)
"""The double banana from left to right (ACNS guideline 3, montage LB-18.1)."""

DERIVATIONS = tuple(pair for chain in CHAINS for pair in pairwise(chain))

WIDTH, LEFT, RIGHT, TOP = 1000.0, 76.0, 974.0, 36.0
ROW, CHAIN_GAP, PROBABILITY_HEIGHT, BAR = 25.0, 7.0, 52.0, 10.0
N_COLUMNS = 560
"""Columns of the figure; each shows the lowest and the highest sample inside it."""


def double_banana(eeg_uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the longitudinal bipolar derivations of an excerpt.

    Args:
        eeg_uv: `(19, samples)` in SzCORE's order under any common reference, NaN where absent.

    Returns:
        `(18, samples)`: in each row of `DERIVATIONS` the first electrode minus the second.
    """
    first, second = ([ELECTRODES.index(pair[i]) for pair in DERIVATIONS] for i in (0, 1))
    return np.asarray(eeg_uv[first] - eeg_uv[second], dtype=np.float32)


def envelope(
    values: NDArray[np.float32], n_columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Thin a signal for the screen and keep its peaks: the lowest and the highest sample of each
    column, in order of time.

    Returns:
        positions as fractions of the excerpt, and the values there; all samples if they are few.
    """
    n_samples = len(values)
    if n_samples <= 2 * n_columns:
        return (np.arange(n_samples) + 0.5) / max(n_samples, 1), values
    width = -(-n_samples // n_columns)
    n_full = -(-n_samples // width)
    columns = np.pad(values, (0, n_full * width - n_samples), mode="edge").reshape(n_full, width)
    known = np.isfinite(columns)
    lowest = np.where(known, columns, np.inf).argmin(axis=1)
    highest = np.where(known, columns, -np.inf).argmax(axis=1)
    # A column with a gap keeps one missing sample, so that the line breaks there.
    gaps = ~known.all(axis=1)
    lowest[gaps] = (~known[gaps]).argmax(axis=1)
    within = np.sort(np.stack([lowest, highest], axis=1), axis=1)
    picked = (within + width * np.arange(n_full)[:, None]).ravel().clip(max=n_samples - 1)
    return (picked + 0.5) / n_samples, values[picked]


def eeg_figure(case: Case) -> Html:
    """Draw the EEG around an event in the double banana, the annotated and detected seizures and
    the probability, over seconds since the start of the recording."""
    length_s = case.stop_s - case.start_s

    def x_of(time_s: float) -> float:
        fraction = (time_s - case.start_s) / max(length_s, 1e-9)
        return LEFT + (RIGHT - LEFT) * min(max(fraction, 0.0), 1.0)

    drawn, bottom = _rows(case)
    drawn += _spans(
        case.truth, x_of, bottom + 4, css_class="truth", label="annotated", color="#2a7d4f"
    )
    drawn += _spans(
        case.detected, x_of, bottom + 18, css_class="detected", label="detected", color="#c2571a"
    )
    drawn += _probability(case, bottom + 34)
    floor = bottom + 34 + PROBABILITY_HEIGHT
    for time_s in svg.ticks(case.start_s, case.stop_s, 8):
        drawn.append(svg.line(x_of(time_s), TOP - 6, x_of(time_s), floor, "grid"))
        drawn.append(svg.text(x_of(time_s), floor + 15, clock(time_s), "middle", "tick"))
    onset, end = x_of(case.onset_s), x_of(case.offset_s)
    event = svg.rectangle(
        onset, TOP - 6, end - onset, floor - TOP + 6, css_class="event", color="#c2571a1f"
    )
    return svg.figure(
        WIDTH,
        floor + 22,
        f"{case.kind} at {clock(case.onset_s)}",
        f"Longitudinal bipolar EEG from {clock(case.start_s)} to {clock(case.stop_s)}, negative up",
        [event, *drawn],
        css_class="eeg",
        start_s=f"{case.start_s:.4f}",
        stop_s=f"{case.stop_s:.4f}",
        left=LEFT,
        right=RIGHT,
        top=TOP - 6,
        floor=svg.number(floor),
    )


def clock(time_s: float) -> str:
    """Format the time since the start of the recording as `h:mm:ss`, with tenths unless zero."""
    tenths = round(time_s * 10)
    hours, minutes, seconds = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    shown = f"{seconds:04.1f}" if tenths % 10 else f"{seconds:02.0f}"
    return f"{hours}:{minutes:02d}:{shown}"


def row_scale_uv(rows: NDArray[np.float32]) -> float:
    """Choose the microvolts between two rows: a round value that keeps most of the signal in its
    row."""
    amplitude_uv = np.abs(rows[np.isfinite(rows)])
    least_uv = 2.0 * float(np.percentile(amplitude_uv, 97)) if amplitude_uv.size else 100.0
    scales_uv = (20, 50, 70, 100, 150, 200, 300, 500)
    return next((scale_uv for scale_uv in scales_uv if scale_uv >= least_uv), 1000)


def _rows(case: Case) -> tuple[list[Html], float]:
    if case.eeg_uv is None:
        return [svg.text(LEFT, TOP + 10, "EEG left out")], TOP + 16
    rows = double_banana(case.eeg_uv)
    scale_uv = row_scale_uv(rows)
    drawn, y = [], TOP + ROW / 2
    for index, ((first, second), row) in enumerate(zip(DERIVATIONS, rows, strict=True)):
        y += CHAIN_GAP if index and first != DERIVATIONS[index - 1][1] else 0.0
        matters = {first, second} & set(case.channels)
        css_class = "lead matters" if matters else "lead"
        drawn.append(svg.text(LEFT - 6, y + 4, f"{first}-{second}", "end", css_class))
        if np.isfinite(row).any():
            position, values = envelope(row, N_COLUMNS)
            # Negative up is the clinical convention, and SVG's y axis points down: signs cancel.
            offset = np.clip(values / scale_uv, -1.6, 1.6) * ROW
            x = LEFT + (RIGHT - LEFT) * position
            drawn.append(svg.polyline(x, y + offset, "wave matters" if matters else "wave"))
        else:
            drawn.append(svg.text(LEFT + 6, y + 4, "absent", css_class="absent"))
        y += ROW
    return [*drawn, *_scale_bar(scale_uv)], y - ROW / 2 + 6


def _scale_bar(scale_uv: float) -> list[Html]:
    # As tall as the distance between two rows, which is what `scale_uv` microvolts measure.
    note = f"bar {scale_uv:g} µV, negative up"
    return [
        svg.text(RIGHT - 8, 12, note, "end", "tick"),
        fill(
            '<path class="scale" fill="none" stroke="currentColor" stroke-width="2" d="M$x 1v$h"/>',
            x=svg.number(RIGHT - 2),
            h=svg.number(ROW),
        ),
    ]


def _spans(
    intervals: Intervals,
    x_of: Callable[[float], float],
    y: float,
    *,
    css_class: str,
    label: str,
    color: str,
) -> list[Html]:
    bars = [
        svg.rectangle(
            x_of(onset_s), y, x_of(offset_s) - x_of(onset_s), BAR, css_class=css_class, color=color
        )
        for onset_s, offset_s in intervals
    ]
    return [svg.text(LEFT - 6, y + 9, label, "end", "tick"), *bars]


def _probability(case: Case, top: float) -> list[Html]:
    base = top + PROBABILITY_HEIGHT
    drawn = [svg.line(LEFT, y, RIGHT, y, "grid") for y in (top, top + PROBABILITY_HEIGHT / 2, base)]
    drawn += [
        svg.text(LEFT - 6, top + 9, "1", "end", "tick"),
        svg.text(LEFT - 6, top + PROBABILITY_HEIGHT / 2 + 4, "probability", "end", "tick"),
        svg.text(LEFT - 6, base + 2, "0", "end", "tick"),
    ]
    if case.probability.size:
        position, values = envelope(case.probability, N_COLUMNS // 2)
        length_s = case.probability.size / case.probability_rate_hz
        fraction = length_s / max(case.stop_s - case.start_s, 1e-9)
        x = LEFT + (RIGHT - LEFT) * position * fraction
        drawn.append(svg.polyline(x, base - values * PROBABILITY_HEIGHT, "probability", "#1f5fa8"))
    return drawn
