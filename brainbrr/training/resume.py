"""Check that a checkpoint belongs to the run that resumes from it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning import Callback
from torch import nn

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.index import Windowing
from brainbrr.data.windows.sampler import Balance
from brainbrr.errors import InvalidInput


class Fingerprint(Callback):
    """Stores in each checkpoint what a run must have in common with the one that resumes it."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = {}

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Add the fingerprint to the checkpoint."""
        checkpoint["fingerprint"] = self.content

    def check(self, checkpoint: dict[str, Any], path: Path) -> None:
        """Compare with a checkpoint.

        Raises:
            InvalidInput: naming what differs.
        """
        # Weights of the same shapes load without complaint into a run on other data or with other
        # batches; it would then be no run that any command reproduces.
        stored = checkpoint.get("fingerprint", {})
        different = [
            f"{name}: {stored.get(name)} in the checkpoint, {value} here"
            for name, value in self.content.items()
            if stored.get(name) != value
        ]
        if different:
            raise InvalidInput(
                "the run that wrote the checkpoint",
                f"{path.name}, which differs in {'; '.join(different)}",
                "Resume with the run's stored configuration, or start a new run with init_from=.",
            )


def fingerprint_of(
    network: nn.Module,
    rows: Sequence[ManifestRow],
    *,
    windowing: Windowing,
    balance: Balance,
    **others: int | list[str],
) -> dict[str, Any]:
    """Collect what determines the next bits of a run: network, data, windows, given values."""
    # Names and shapes, not values, which each step changes.
    shapes = [(name, list(value.shape)) for name, value in network.state_dict().items()]
    return {
        "network": _digest(shapes),
        "data": data_digest(rows),
        "windows": _digest([asdict(windowing), asdict(balance)]),
        **others,
    }


def data_digest(rows: Sequence[ManifestRow]) -> str:
    """Compute a digest of the recordings' signals, splits and events, in any order."""
    # The cached signal stands for the recording and its preparation. Paths are left out: a corpus
    # that moved is the same, and so is one listed in another file system's order.
    parts = [[row.recording_id, row.split, row.cache_sha256, row.events] for row in rows]
    return _digest(sorted(parts, key=lambda part: str(part[0])))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
