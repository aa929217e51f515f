"""The first pass over a recording: mains frequency, and when each channel is not EEG."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.recording import RecordingBlocks
from brainbrr.errors import BrainbrrError
from brainbrr.signal.mains import find_mains
from brainbrr.signal.quality import GOOD, Codes, QualityLimits, judge, with_guard

_N_PROBES = 12
_PROBE_S = 16.0
_BLOCK_S = 300.0


class NotFinite(BrainbrrError):
    """Samples that are NaN or infinite, as floating-point formats can hold them."""


@dataclass(frozen=True)
class Survey:
    """What the first pass found.

    Attributes:
        mains_hz: 50, 60 or None.
        codes: `(channels, epochs)` verdicts, see `brainbrr.signal.quality.REASONS`.
        epochs: `(epochs, 2)` first and last-plus-one source sample of each.
        spread_uv: median over channels and epochs of the standard deviation, good epochs only; NaN
            if none is good.
    """

    mains_hz: float | None
    codes: Codes
    epochs: NDArray[np.int64]
    spread_uv: float


def epoch_spans(spans: NDArray[np.int64], n_epoch: int) -> NDArray[np.int64]:
    """Cut each span into epochs of `n_epoch` samples; a shorter remainder joins the last one."""
    epochs = []
    for start, stop in spans:
        edges = np.arange(start, max(stop - n_epoch, start) + 1, n_epoch)
        epochs.append(np.stack([edges, np.append(edges[1:], stop)], axis=1))
    return np.concatenate(epochs).astype(np.int64) if epochs else np.empty((0, 2), dtype=np.int64)


def probe_mains(
    blocks: RecordingBlocks, rows: NDArray[np.intp], spans: NDArray[np.int64]
) -> float | None:
    """Detect the mains frequency in a dozen short segments spread over the recording."""
    n_probe = int(_PROBE_S * blocks.rate_hz)
    segments = epoch_spans(spans, n_probe)
    chosen = segments[np.unique(np.linspace(0, len(segments) - 1, _N_PROBES).astype(int))]
    probes = [blocks.read(a, min(b, a + n_probe))[rows] for a, b in chosen.tolist()]
    return find_mains(probes, blocks.rate_hz)


def survey(
    blocks: RecordingBlocks,
    rows: NDArray[np.intp],
    spans: NDArray[np.int64],
    limits: QualityLimits,
    mains: float | str | None,
) -> Survey:
    """Read all of a recording once, a few minutes at a time, and judge its channels.

    Args:
        blocks: the recording.
        rows: indices of the channels to judge.
        spans: `(n, 2)` source samples that hold signal.
        limits: see `QualityLimits`.
        mains: `auto`, a frequency in Hz, or None.

    Raises:
        NotFinite: a sample is NaN or infinite.
    """
    mains_hz = probe_mains(blocks, rows, spans) if mains == "auto" else mains
    assert mains_hz is None or isinstance(mains_hz, float | int)
    n_epoch = max(int(limits.epoch_s * blocks.rate_hz), 2)
    epochs = epoch_spans(spans, n_epoch)
    n_batch = max(int(_BLOCK_S * blocks.rate_hz) // n_epoch, 1)
    codes = np.zeros((len(rows), len(epochs)), dtype=np.uint8)
    spread = np.zeros((len(rows), len(epochs)), dtype=np.float32)
    for group in _even_groups(epochs, n_epoch, n_batch):
        first, last = int(epochs[group[0], 0]), int(epochs[group[-1], 1])
        signal = blocks.read(first, last)[rows]
        if not np.isfinite(signal).all():
            first_s, last_s = first / blocks.rate_hz, last / blocks.rate_hz
            raise NotFinite(
                "finite samples",
                f"NaN or infinity between {first_s:.0f} and {last_s:.0f} s",
                "Mark these segments as gaps, or export the recording again.",
            )
        length = last - first if len(group) == 1 else n_epoch
        shaped = signal[:, : len(group) * length].reshape(len(rows), len(group), length)
        codes[:, group] = judge(shaped, blocks.rate_hz, mains_hz, limits)
        spread[:, group] = shaped.std(axis=-1)
    # A guard epoch never reaches across a gap: the filter starts afresh after it.
    follows = np.concatenate([[False], epochs[1:, 0] == epochs[:-1, 1]])
    good = codes == GOOD
    codes = with_guard(codes, follows, limits.guard_epochs)
    spread_uv = float(np.median(spread[good])) if good.any() else float("nan")
    return Survey(None if mains_hz is None else float(mains_hz), codes, epochs, spread_uv)


def _even_groups(epochs: NDArray[np.int64], n_epoch: int, n_batch: int) -> list[NDArray[np.intp]]:
    """Group indices of adjacent epochs of equal length, at most `n_batch` per group."""
    groups: list[list[int]] = []
    for index, (start, stop) in enumerate(epochs):
        joins = (
            groups
            and len(groups[-1]) < n_batch
            and stop - start == n_epoch
            and epochs[groups[-1][-1], 1] == start
            and epochs[groups[-1][-1], 1] - epochs[groups[-1][-1], 0] == n_epoch
        )
        if joins:
            groups[-1].append(index)
        else:
            groups.append([index])
    return [np.array(group) for group in groups]
