"""Seizure probability over whole recordings, one recording at a time in memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import OpenSignal, WindowBatch, WindowDataset, open_mapped
from brainbrr.data.windows.index import Windowing, n_samples
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.errors import BrainbrrError
from brainbrr.events.trace import Trace
from brainbrr.models.scaling import standardize
from brainbrr.signal.windows import Stitcher, recorded_spans


class NonFiniteLogits(BrainbrrError):
    """A network whose output is not a number."""


@torch.no_grad()
def predict_traces(
    network: nn.Module,
    rows: Sequence[ManifestRow],
    cache_folder: Path,
    *,
    windowing: Windowing,
    options: LoaderOptions,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    trace_rate_hz: float | None = None,
    open_signal: OpenSignal = open_mapped,
    on_batch: Callable[[Tensor, WindowBatch], None] | None = None,
) -> Iterator[tuple[ManifestRow, Trace]]:
    """Run a network over recordings and stitch its windows: one trace a recording, in the rows'
    order; 0 where a window has no electrode, as in `run_windows`.

    Args:
        network: `network(eeg, observed) -> logits`; put into evaluation mode meanwhile.
        windowing: how recordings are cut up.
        options: batch size and workers of the reading.
        device: where the network is.
        autocast: makes the context of reduced precision the network runs in.
        trace_rate_hz: averages the trace down to this rate, which must divide the signal's; None
            keeps each sample.
        open_signal: maps a recording's prepared signal.
        on_batch: sees each batch with its float32 logits, on the device.

    Raises:
        NonFiniteLogits: the network gave something that is no number, in a named recording.
    """
    dataset = WindowDataset(rows, cache_folder, windowing, open_signal=open_signal)
    order = [
        list(range(at, min(at + options.eval_batch_size, len(dataset))))
        for at in range(0, len(dataset), options.eval_batch_size)
    ]
    stitching = _Stitching(dataset, trace_rate_hz)
    was_training = network.training
    network.eval()
    try:
        for batch in options.loader(dataset, order):
            probability = np.zeros(batch.label.shape, dtype=np.float32)
            seen = batch.observed.any(1)
            if seen.any():
                there = _subset(batch, seen, device)
                eeg = standardize(there.eeg, there.observed, there.center_uv, there.scale_uv)
                with autocast():
                    logits = network(eeg, there.observed)
                logits = logits.float()
                if on_batch is not None:
                    on_batch(logits, there)
                _require_finite(logits, there, dataset)
                probability[seen.numpy()] = torch.sigmoid(logits).cpu().numpy()
            yield from stitching.add(probability, batch)
    finally:
        network.train(was_training)
    yield from stitching.finish()


def _subset(batch: WindowBatch, chosen: Tensor, device: torch.device | str) -> WindowBatch:
    """Some windows of a batch, on the device; not copied before where they are all of them."""
    parts = batch if chosen.all() else [part[chosen] for part in batch]
    return WindowBatch(*(part.to(device, non_blocking=True) for part in parts))


def _require_finite(logits: Tensor, batch: WindowBatch, dataset: WindowDataset) -> None:
    finite = torch.isfinite(logits).all(dim=1)
    if not finite.all():
        first = int(batch.recording[~finite][0])
        raise NonFiniteLogits(
            "finite logits",
            f"{int((~finite).sum())} windows without, first in {dataset.rows[first].recording_id}",
            "The weights are damaged: go back to an earlier checkpoint.",
        )


class _Stitching:
    """Gathers windows that come in order, and lets go of a recording as soon as the next one
    begins."""

    def __init__(self, dataset: WindowDataset, trace_rate_hz: float | None) -> None:
        self._dataset, self._trace_rate_hz = dataset, trace_rate_hz
        self._current = 0
        self._stitcher = self._start()

    def add(
        self, probability: NDArray[np.float32], batch: WindowBatch
    ) -> Iterator[tuple[ManifestRow, Trace]]:
        spans = self._dataset.index.span[batch.window.numpy()]
        for values, recording, span in zip(
            probability, batch.recording.tolist(), spans, strict=True
        ):
            while recording > self._current:
                yield self._close()
            self._stitcher.add(values, span)

    def finish(self) -> Iterator[tuple[ManifestRow, Trace]]:
        while self._current < len(self._dataset.rows):
            yield self._close()

    def _start(self) -> Stitcher:
        windowing = self._dataset.windowing
        done = self._current >= len(self._dataset.rows)
        size = 0 if done else n_samples(self._dataset.rows[self._current], windowing.rate_hz)
        return Stitcher(size, windowing.length)

    def _close(self) -> tuple[ManifestRow, Trace]:
        row, rate_hz = self._dataset.rows[self._current], self._dataset.windowing.rate_hz
        recorded = recorded_spans(n_samples(row, rate_hz), rate_hz, row.gap_intervals)
        probability = self._stitcher.result(recorded).clip(0.0, 1.0)
        self._current += 1
        self._stitcher = self._start()
        trace = Trace(probability, rate_hz, row.gap_intervals)
        return row, trace.reduced(self._trace_rate_hz or rate_hz)
