"""A digest of each channel's samples, taken while somebody else reads the recording."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.blocks import RecordingBlocks
from brainbrr.signal.quantization import quantize
from brainbrr.signal.windows import recorded_spans

_BLOCK_S = 300.0


class DigestedBlocks:
    """A recording that digests what is read of it in order, so that no sample is read twice for it.

    Args:
        blocks: the recording.
        rows: indices of the channels to digest.
    """

    def __init__(self, blocks: RecordingBlocks, rows: list[int]) -> None:
        self.labels, self.rate_hz, self.n_samples = blocks.labels, blocks.rate_hz, blocks.n_samples
        self.start, self.gaps = blocks.start, blocks.gaps
        self.events, self.repairs = blocks.events, blocks.repairs
        self._blocks, self._rows = blocks, rows
        self._digests = [hashlib.sha256() for _ in rows]
        self._low, self._high = np.full(len(rows), np.inf), np.full(len(rows), -np.inf)
        spans = recorded_spans(blocks.n_samples, blocks.rate_hz, blocks.gaps)
        self._to_see = [(int(start), int(stop)) for start, stop in spans]

    def read(self, first: int, last: int) -> NDArray[np.float32]:
        """Microvolts `(channels, last - first)` of samples `[first, last)`, zero inside gaps."""
        eeg_uv = self._blocks.read(first, last)
        while self._to_see and first <= self._to_see[0][0] < last:
            start, stop = self._to_see.pop(0)
            if stop > last:
                self._to_see.insert(0, (last, stop))
            self._add(eeg_uv[:, start - first : min(stop, last) - first][self._rows])
        return eeg_uv

    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each channel's recorded samples in steps of 0.1 uV; a flat channel has none.

        Reads what nobody has read yet.
        """
        n_block = int(_BLOCK_S * self.rate_hz)
        while self._to_see:
            start, stop = self._to_see[0]
            self.read(start, min(start + n_block, stop))
        moves = self._high > self._low
        return tuple(d.hexdigest() for d, moved in zip(self._digests, moves, strict=True) if moved)

    def _add(self, eeg_uv: NDArray[np.float32]) -> None:
        steps = quantize(eeg_uv)
        self._low = np.minimum(self._low, steps.min(axis=1))
        self._high = np.maximum(self._high, steps.max(axis=1))
        for digest, channel in zip(self._digests, steps, strict=True):
            digest.update(channel.tobytes())
