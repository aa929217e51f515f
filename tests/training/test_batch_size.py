from contextlib import nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import Failed
from brainbrr.training import batch_size
from brainbrr.training.batch_size import largest_batch, step_fits
from brainbrr.training.callbacks.checkpoint_file import read_checkpoint
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny


@given(st.integers(1, 200), st.integers(1, 96))
def test_the_largest_divisor_that_fits_is_found_from_below(room, effective):
    tried = []

    def fits(size):
        tried.append(size)
        return size <= room

    best = largest_batch(fits, effective)
    assert effective % best == 0 and best <= room
    assert not any(effective % size == 0 for size in range(best + 1, min(room, effective) + 1))
    assert tried == sorted(tried) and sum(size > room for size in tried) <= 1


def test_where_nothing_fits_it_says_so():
    with pytest.raises(Failed, match="memory for a batch of one window"):
        largest_batch(lambda size: False, 64)


class Hungry(tiny.TinyNetwork):
    """Out of memory, in the words of the processor's allocator, beyond some windows."""

    def forward(self, eeg, observed=None):
        if self.training and len(eeg) > 9:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 64 GB")
        return super().forward(eeg, observed)


def test_a_real_step_decides_and_changes_no_weight():
    network = Hungry()
    before = [parameter.clone() for parameter in network.parameters()]
    fits = step_fits(network, n_samples=256, device=torch.device("cpu"), autocast=nullcontext)
    # With its reserve a batch of 8 takes 9 windows, one of 16 takes 18.
    assert largest_batch(fits, 64) == 8
    assert all(a.equal(b) for a, b in zip(before, network.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in network.parameters())


def test_another_error_is_not_taken_for_want_of_memory():
    def forward(eeg, observed):
        raise RuntimeError("shapes disagree")

    network = tiny.TinyNetwork()
    network.forward = forward
    fits = step_fits(network, n_samples=256, device=torch.device("cpu"), autocast=nullcontext)
    with pytest.raises(RuntimeError, match="shapes disagree"):
        fits(1)


def test_a_run_takes_the_batch_that_fits_and_keeps_it_when_resumed(
    tmp_path, rows, cache, monkeypatch
):
    options = TrainerOptions(
        max_epochs=1,
        accelerator="cpu",
        limit_train_batches=2,
        accumulate_grad_batches=8,
        fit_batch=True,
    )
    first = tiny.run(tmp_path, rows, cache, network=Hungry(), trainer=options)
    stored = read_checkpoint(first.last_checkpoint)["fingerprint"]
    # Four windows gathered eight times are 32; eight fit, gathered four times.
    assert (stored["batch_size"], stored["accumulate"]) == (8, 4)
    monkeypatch.setattr(batch_size, "largest_batch", lambda *_: pytest.fail("tried again"))
    again = tiny.run(tmp_path, rows, cache, network=Hungry(), trainer=options, resume=True)
    assert again.history == first.history
