"""A stream's numbers computed the plain way: every step over the whole recording at once."""

import numpy as np
from scipy import signal

from brainbrr.data.preparation.plan import segment_weights, usable_channels
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.filters import design_filter
from brainbrr.signal.labels import derivations
from brainbrr.signal.mains import find_mains
from brainbrr.signal.montage import solve_montage, useful_channels
from brainbrr.signal.quality import GOOD, judge, with_guard
from brainbrr.signal.quantization import quantize
from brainbrr.signal.resampling import extended, rate_ratio, resample_span
from brainbrr.signal.windows import stitch, window_spans
from brainbrr.streaming.detector_stream import DetectorStream

LABELS = tuple(f"EEG {name}-REF" for name in ELECTRODES)
WINDOWING = Windowing(256.0, 10.0, 4.0)
DETECTION = Detection(0.6, 0.4, 2.0, 3.0, 2.0)
TRACE_RATE_HZ = WINDOWING.trace_rate_hz


def loudness(eeg, observed, center_uv, scale_uv):
    """Stands in for a network: large where many electrodes are large at once."""
    scaled = (eeg * 0.1 - center_uv[:, None]) / scale_uv[:, None]
    power = (scaled[observed] ** 2).mean(axis=0)
    around = np.convolve(np.pad(power, 64, mode="edge"), np.ones(129) / 129, mode="valid")
    level = around + 0.3 * np.linspace(0, 1, len(power))
    return (1 / (1 + np.exp(7.0 - 3.0 * level))).astype(np.float32)


def batched(score):
    """A `Backend` out of a function of one window's four parts."""
    return lambda windows: np.stack([score(*window) for window in zip(*windows, strict=True)])


def prepare_live(eeg_uv, labels, rate_hz, preparation):
    """A stream's preparation of a whole recording: int16 electrodes and who is present."""
    named = derivations(labels)
    rows = np.flatnonzero(useful_channels(named))
    channels, eeg_uv = [named[i] for i in rows], eeg_uv[rows]
    n_source = eeg_uv.shape[1]
    n_epoch = int(preparation.quality.epoch_s * rate_hz)
    n_probe = min(-(-int(30 * rate_hz) // n_epoch) * n_epoch, n_source)
    mains_hz = preparation.mains
    if mains_hz == "auto":
        mains_hz = find_mains([eeg_uv[:, :n_probe]], rate_hz)
    starts = np.arange(0, max(n_source - n_epoch, 0) + 1, n_epoch)
    stops = np.append(starts[1:], n_source)
    epochs = [eeg_uv[:, None, a:b] for a, b in zip(starts, stops, strict=True)]
    codes = np.stack(
        [judge(epoch, rate_hz, mains_hz, preparation.quality)[:, 0] for epoch in epochs], axis=1
    )
    codes = with_guard(codes, np.ones(len(starts), bool), preparation.quality.guard_epochs)
    n_out = round(n_source / rate_hz * preparation.rate_hz)
    wide = eeg_uv.astype(np.float64)
    resampled = resample_span(
        lambda a, b: extended(lambda c, d: wide[:, c:d].copy(), (0, n_source), a, b),
        rate_ratio(rate_hz, preparation.rate_hz), 0, n_out,
    )  # fmt: skip
    sections = design_filter(
        preparation.rate_hz, preparation.low_hz, preparation.high_hz,
        order=preparation.filter_order, mains_hz=mains_hz, notch_q=preparation.notch_q,
    )  # fmt: skip
    settled = signal.sosfilt_zi(sections)[:, None]
    forward, _ = signal.sosfilt(sections, resampled, zi=settled * resampled[None, :, :1])
    electrodes = np.zeros((19, n_out))
    present = np.zeros((19, n_out), dtype=bool)

    def solve(usable, n_filled):
        return solve_montage(channels, usable, max_interpolated=n_filled)

    for k, (a, b) in enumerate(zip(starts, stops, strict=True)):
        usable = usable_channels(codes[:, max(k - 299, 0) : k + 1], preparation.max_bad_fraction)
        bad = (codes[:, k] != GOOD) & usable
        whole = solve(usable, preparation.max_interpolated)
        weights, lost = whole.weights, np.zeros(19, bool)
        if bad.any():
            weights, lost = segment_weights(whole, solve(usable & ~bad, 19), 4)
        cut = slice(round(a / rate_hz * 256), round(b / rate_hz * 256))
        ahead = forward[:, cut.start : cut.stop + round(5.5 * 256)][:, ::-1]
        backward, _ = signal.sosfilt(sections, ahead, zi=settled * ahead[None, :, :1])
        electrodes[:, cut] = weights @ backward[:, ::-1][:, : cut.stop - cut.start]
        present[:, cut] = (whole.observed & ~lost)[:, None]
    return quantize(electrodes.astype(np.float32)), present


def scale_until(steps, present, stop):
    """Median and normalised interquartile range of what was present before sample `stop`."""
    center, scale = np.zeros(19, np.float32), np.ones(19, np.float32)
    for i in range(19):
        values = np.sort(steps[i, :stop][present[i, :stop]].astype(int))
        if len(values):
            ranks = np.floor(np.array([0.25, 0.5, 0.75]) * (len(values) - 1)).astype(int)
            low, middle, high = values[ranks]
            center[i] = middle * 0.1
            scale[i] = max((high - low) * 0.1 / 1.3489795, 0.1)
    return center, scale


def trace_live(
    eeg_uv, labels=LABELS, rate_hz=256.0, *, windowing=WINDOWING, score=loudness, mains=None,
    detection=DETECTION,
):  # fmt: skip
    """Trace and events of one unbroken recording, prepared as a stream is."""
    preparation = Preparation(rate_hz=windowing.rate_hz, mains=mains)
    steps, present = prepare_live(eeg_uv, labels, rate_hz, preparation)
    n_out, length = steps.shape[1], windowing.length
    spans = window_spans(np.array([[0, n_out]]), length, windowing.stride)
    windows = np.zeros((len(spans), length), dtype=np.float32)
    for row, (a, b) in zip(windows, spans, strict=True):
        n_bad = (~present[:, a:b]).sum(axis=1)
        observed = present[:, a:b].any(axis=1) & (n_bad <= windowing.max_bad_fraction * (b - a))
        if observed.any():
            padded = np.pad(steps[:, a:b], ((0, 0), (0, length - (b - a))))
            row[:] = score(padded, observed, *scale_until(steps, present, b))
    probability = stitch(windows, spans, n_out, np.array([[0, n_out]])).clip(0.0, 1.0)
    trace = Trace(probability, windowing.rate_hz, as_intervals([])).reduced(TRACE_RATE_HZ)
    return trace, detect(trace, detection).events


def eeg_with_bursts(seconds, rate_hz=256.0, n_channels=19, seed=0):
    """Noise around an offset, with a loud rhythm now and then: `(channels, samples)` microvolts."""
    generator = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = generator.standard_normal((n_channels, len(time_s))) * 20.0
    gains, phases = generator.uniform(0.3, 1.0, (2, n_channels, 1))
    rhythm = 80.0 * np.sin(2 * np.pi * (6.0 * time_s + phases)) * ((time_s % 25.0) > 18.0)
    return (noise + gains * rhythm + 500.0 * gains).astype(np.float32)


def open_stream(labels=LABELS, rate_hz=256.0, *, mains=None, **options):
    defaults = {"unit": "uV", "backend": batched(loudness)}
    return DetectorStream(
        labels, rate_hz, preparation=Preparation(mains=mains), windowing=WINDOWING,
        detection=DETECTION, **(defaults | options),
    )  # fmt: skip
