"""A corpus of a few minutes, a network of a few weights, and a run of them that takes seconds."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.data.windows.index import Windowing
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.scoring.tuning import tune
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.quantization import quantize
from brainbrr.training.callbacks.callback_set import CallbackSet
from brainbrr.training.callbacks.checkpoints import DurableCheckpoints
from brainbrr.training.event_score import EventScore
from brainbrr.training.fit import FitResult, train
from brainbrr.training.losses import FocalLoss
from brainbrr.training.schedules import warmup_cosine
from brainbrr.training.trainer_options import TrainerOptions
from brainbrr.training.validation import Validation

RATE_HZ = 32.0
WINDOWING = Windowing(rate_hz=RATE_HZ, window_s=8.0, stride_s=4.0)


class TinyNetwork(nn.Module):
    """One convolution and dropout: enough to learn a rhythm, random enough to show a lost
    generator."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.mix = nn.Conv1d(N_ELECTRODES, width, 9, padding=4)
        self.norm = nn.GroupNorm(1, width)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Conv1d(width, 1, 17, padding=8)

    def forward(self, eeg: Tensor, observed: Tensor | None = None) -> Tensor:
        hidden = self.dropout(self.norm(self.mix(eeg)).abs())
        return self.head(hidden)[:, 0]


def row(
    number: int, split: str, duration_s: float, events: list[list[Any]] | None, **changes: Any
) -> ManifestRow:
    name = f"sub-{number:02d}"
    values = {
        "recording_id": name, "corpus": "tiny", "subject": name, "session": "01", "split": split,
        "source": f"{name}.edf", "source_sha256": "", "duration_s": duration_s,
        "source_rate_hz": RATE_HZ,
        "source_channels": [], "observed": [True] * N_ELECTRODES, "interpolated": [],
        "reference": "average", "mains_hz": None, "gaps": [], "bad_spans": [],
        "center_uv": [0.0] * N_ELECTRODES, "scale_uv": [10.0] * N_ELECTRODES, "events": events,
        "cache_file": f"{name}.npy", "cache_sha256": str(number), "preparation_digest": "tiny",
    }  # fmt: skip
    return ManifestRow(**(values | changes))


def write_signal(row: ManifestRow, folder: Path, rate_hz: float = RATE_HZ) -> None:
    generator = np.random.default_rng(int(row.cache_sha256))
    time_s = np.arange(round(row.duration_s * rate_hz)) / rate_hz
    eeg_uv = 10 * generator.standard_normal((N_ELECTRODES, len(time_s)))
    for onset_s, length_s, _ in row.events or ():
        inside = (time_s >= onset_s) & (time_s < onset_s + length_s)
        eeg_uv[:, inside] += 30 * np.sin(2 * np.pi * 4 * time_s[inside])
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / row.cache_file, quantize(eeg_uv.astype(np.float32)))


def rows() -> list[ManifestRow]:
    """Ten recordings of about two minutes with a seizure in most, one shorter than a window, one
    with a gap."""
    made = []
    for number in range(8):
        split = ("train", "train", "train", "val")[number % 4]
        onset_s = 20.0 + 5 * number
        made.append(row(number, split, 120.0 + number, [[onset_s, 16.0, "sz"]]))
    made.append(row(8, "train", 5.0, []))
    made.append(row(9, "val", 60.0, [], gaps=[[20.0, 30.0]]))
    return made


def corpus(folder: Path) -> list[ManifestRow]:
    """The recordings of `rows`, their signals written."""
    for each in rows():
        write_signal(each, folder)
    return rows()


def batch_of(size: int) -> WindowBatch:
    """Random windows, without a corpus."""
    generator = torch.Generator().manual_seed(0)
    shape = (size, N_ELECTRODES, WINDOWING.length)
    eeg = torch.randint(-300, 300, shape, generator=generator).to(torch.int16)
    label = torch.zeros(size, WINDOWING.length, dtype=torch.bool)
    whole, numbers = torch.ones_like(label), torch.arange(size)
    return WindowBatch(
        eeg, label, whole, whole.float(), torch.ones(shape[:2], dtype=torch.bool),
        torch.zeros(shape[:2]), torch.full(shape[:2], 10.0), numbers, numbers, numbers,
    )  # fmt: skip


def callback_set(
    folder: Path,
    monitor: str | None = "val/event_f1",
    every_minutes: float = 0.0,
    every_n_epochs: int = 1,
    **others: Any,
) -> CallbackSet:
    return CallbackSet(
        validation=partial(Validation, every_n_epochs=every_n_epochs),
        checkpoints=partial(DurableCheckpoints, folder / "checkpoints", monitor, every_minutes),
        **others,
    )


def run(folder: Path, rows: list[ManifestRow], cache: Path, **changes: Any) -> FitResult:
    """A whole training run."""
    torch.manual_seed(0)
    parts: dict[str, Any] = {
        "network": TinyNetwork(),
        "rows": rows,
        "cache_folder": cache,
        "run_dir": folder,
        "windowing": WINDOWING,
        "loss": FocalLoss(rate_hz=RATE_HZ),
        "optimizer": partial(torch.optim.AdamW, lr=0.01, weight_decay=0.05),
        "scheduler": partial(warmup_cosine, warmup_fraction=0.2, final_fraction=0.01),
        "trainer": TrainerOptions(max_epochs=3, accelerator="cpu", log_every_n_steps=1),
        "dataloader": LoaderOptions(batch_size=4, eval_batch_size=16),
        "score": EventScore([row for row in rows if row.split == "val"], tune),
        "seed": 3,
    }
    parts |= changes
    parts.setdefault("callbacks", callback_set(folder))
    return train(**parts)
