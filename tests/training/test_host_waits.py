"""A training step on a GPU does not wait for it, but in the places named here.

Tensors of the meta device have shapes and no numbers: whatever needs a number of theirs fails, as
it would make the host wait on a GPU. Callbacks, which may read numbers, run on the processor and
are counted.
"""

import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning import Callback
from torch.utils._python_dispatch import TorchDispatchMode

import brainbrr
from brainbrr.data.windows.augmentation import (
    AddScattered,
    ChannelDropout,
    Gain,
    Mirror,
    Sequential,
    TimeShift,
)
from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.data.windows.filter_augmentation import BandStop, Equalize, HighPass
from brainbrr.models.input_checks import check_input, values_unread
from brainbrr.models.registry import load_model
from brainbrr.training.callbacks.finite_guard import FiniteGuard
from brainbrr.training.callbacks.monitoring import LossSpikeMonitor, Monitoring
from brainbrr.training.losses import FocalLoss
from brainbrr.training.module import SeizureModule
from brainbrr.training.schedules import warmup_cosine
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny

WAITING = {
    "_local_scalar_dense",
    "equal",
    "is_nonzero",
    "masked_select",
    "nonzero",
    "repeat_interleave.Tensor",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
}
ALLOWED_ON_DEVICE = {
    # cuSOLVER's verdict on convergence is read once a step; model.eigensolver=jacobi reads none.
    "eigh": {"_linalg_check_errors"},
    "jacobi": set(),
}
AUGMENTATIONS = [
    TimeShift(max_s=1.0, rate_hz=256.0),
    Mirror(probability=0.5),
    BandStop(probability=0.3, max_width_hz=8.0, low_hz=1.0, high_hz=60.0, rate_hz=256.0),
    Equalize(probability=0.3, db_per_octave=3.0, rate_hz=256.0),
    HighPass(probability=0.3, min_hz=0.5, max_hz=3.0, rate_hz=256.0),
    AddScattered(probability=0.3, max_gain=1.0, max_s=0.5, rate_hz=256.0),
    Gain(max_db=3.0),
    ChannelDropout(probability=0.1),
]
READS_A_STEP = {
    # The one number that decides whether the weights may change, before they do.
    ("finite_guard", "on_before_optimizer_step"): 1,
    # The loss of the step just taken, for the log.
    ("monitoring", "_compare"): 1,
}


class Waits(TorchDispatchMode):
    """Operators that need a number which lies on the device."""

    def __init__(self):
        super().__init__()
        self.found, self.n_operators = Counter(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.n_operators += 1
        name = str(function).removeprefix("aten.").removesuffix(".default")
        tensors = [each for each in args if isinstance(each, torch.Tensor)]
        indices = [i for i in args[1] if i is not None] if name.startswith("index") else []
        masks = any(getattr(i, "dtype", None) == torch.bool for i in indices)
        if any(each.is_meta for each in tensors) and (
            name in WAITING or name == "_linalg_check_errors" or masks
        ):
            self.found[name] += 1
        return function(*args, **(kwargs or {}))


def batch_on(device, size=2, samples=1024):
    whole = tiny.batch_of(size)
    shape = (size, 19, samples)
    parts = whole._asdict() | {
        "eeg": torch.zeros(shape, dtype=torch.int16),
        "label": torch.zeros(size, samples, dtype=torch.bool),
        "valid": torch.ones(size, samples, dtype=torch.bool),
        "weight": torch.ones(size, samples),
        "observed": torch.ones(shape[:2], dtype=torch.bool),
        "center_uv": torch.zeros(shape[:2]),
        "scale_uv": torch.ones(shape[:2]),
    }
    return WindowBatch(**{name: part.to(device) for name, part in parts.items()})


@pytest.mark.parametrize("solver", ["jacobi", "eigh"])
def test_a_step_reads_no_number_of_the_device(tmp_path, solver):
    network = load_model("v3_tiny", scan="chunked", eigensolver=solver, semi_dynamic_interval=5)
    module = SeizureModule(
        network,
        FocalLoss(),
        partial(torch.optim.AdamW, lr=1e-3),
        partial(warmup_cosine, warmup_fraction=0.2, final_fraction=0.01),
        n_steps=10,
        augmentation=Sequential(AUGMENTATIONS),
    ).to("meta")
    module._trainer = SimpleNamespace(
        callbacks=[FiniteGuard(tmp_path)], current_epoch=0, global_rank=0
    )
    made = module.configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    batch = batch_on("meta")
    with Waits() as waits:
        module.training_step(batch, 0).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    assert waits.n_operators > 500
    assert set(waits.found) <= ALLOWED_ON_DEVICE[solver], waits.found


def test_the_counter_sees_what_waits():
    with Waits() as waits, pytest.raises(NotImplementedError):
        torch.ones(3, device="meta").nonzero()
    assert waits.found == {"nonzero": 1}


def test_without_a_guard_the_door_reads_the_device():
    eeg = torch.zeros(1, 19, 64, device="meta")
    with pytest.raises((RuntimeError, NotImplementedError)):
        check_input(eeg, None, 19, 16)
    with values_unread():
        check_input(eeg, None, 19, 16)


@pytest.fixture
def reads(monkeypatch):
    """How often each function of the package asked for a tensor's numbers, while counting."""
    seen, package = Counter(), Path(brainbrr.__file__).parent
    seen.active = False

    def counted(method):
        def ask(tensor, *arguments, **options):
            frame = sys._getframe(1)
            path = Path(frame.f_code.co_filename)
            if seen.active and path.is_relative_to(package):
                seen[path.stem, frame.f_code.co_name] += 1
            return method(tensor, *arguments, **options)

        return ask

    for name in ("__bool__", "__float__", "__int__", "item", "tolist", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, counted(getattr(torch.Tensor, name)))
    return seen


class CountBatches(Callback):
    """Counts from each batch's start to its end."""

    def __init__(self, reads):
        self.reads, self.n_steps = reads, 0

    def on_train_batch_start(self, *_):
        self.reads.active = True
        self.n_steps += 1

    def on_train_batch_end(self, *_):
        self.reads.active = False


def test_callbacks_read_what_is_named_once_a_step(tmp_path, rows, cache, reads):
    counting = CountBatches(reads)
    callbacks = tiny.callback_set(
        tmp_path,
        finite_guard=FiniteGuard(tmp_path),
        loss_spike_monitor=LossSpikeMonitor(),
        monitoring=Monitoring(),
        extra=[counting],
    )
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=4)
    tiny.run(tmp_path, rows, cache, callbacks=callbacks, trainer=options)
    on_processor = {("scaling", "standardize")}  # A check that a GPU's tensors are spared.
    found = {place: n for place, n in reads.items() if place not in on_processor}
    assert counting.n_steps == 4
    assert found == {place: n * counting.n_steps for place, n in READS_A_STEP.items()}
