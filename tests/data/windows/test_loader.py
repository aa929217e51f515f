import pytest
import torch

from brainbrr.data.windows.dataset import WindowDataset
from brainbrr.data.windows.loader import LoaderOptions, ResumableLoader
from brainbrr.data.windows.sampler import Balance, BalancedSampler
from brainbrr.errors import InvalidInput
from tests import tiny_corpus as tiny


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    return WindowDataset(tiny.corpus(folder), folder, tiny.WINDOWING)


def loader(dataset, **options):
    sampler = BalancedSampler(dataset.index.kind, Balance(), seed=0, batch_size=8)
    return ResumableLoader(dataset, sampler, LoaderOptions(batch_size=8, **options))


def windows(batches):
    return [batch.window.tolist() for batch in batches]


@pytest.mark.parametrize("n_before", [0, 1, 5])
def test_the_rest_of_an_epoch_is_the_same_after_a_restart(dataset, n_before):
    whole = loader(dataset)
    whole.set_epoch(2)
    everything = windows(whole)
    first = loader(dataset)
    first.set_epoch(2)
    iterator = iter(first)
    started = [next(iterator).window.tolist() for _ in range(n_before)]
    second = loader(dataset)
    second.load_state_dict(first.state_dict())
    second.set_epoch(2)
    assert started + windows(second) == everything
    assert len(everything) == len(whole)


def test_epochs_differ_and_come_back(dataset):
    one = loader(dataset)
    first = windows(one)
    one.set_epoch(1)
    second = windows(one)
    one.set_epoch(0)
    assert first != second and windows(one) == first


@pytest.mark.slow
@pytest.mark.parametrize("persistent", [False, True])
def test_workers_change_neither_order_nor_values(dataset, persistent):
    here, there = loader(dataset), loader(dataset, num_workers=2, persistent_workers=persistent)
    for epoch in range(2):
        here.set_epoch(epoch)
        there.set_epoch(epoch)
        for one, other in zip(here, there, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_reading_draws_nothing_from_the_generator_of_the_training(dataset):
    before = torch.get_rng_state()
    windows(loader(dataset))
    assert torch.equal(before, torch.get_rng_state())


def test_a_place_in_another_run_s_epoch_is_refused(dataset):
    with pytest.raises(InvalidInput, match="a checkpoint of 3"):
        loader(dataset).load_state_dict({"epoch": 0, "handed_out": 1, "n_batches": 3})


def test_memory_is_pinned_and_batches_are_read_ahead_if_asked(dataset):
    plain = LoaderOptions(num_workers=2).loader(dataset, [])
    other = LoaderOptions(num_workers=2, pin_memory=True, prefetch_factor=5).loader(dataset, [])
    assert (plain.pin_memory, plain.prefetch_factor) == (False, 2)
    assert (other.pin_memory, other.prefetch_factor) == (True, 5)
    # Without workers torch refuses a number of batches to read ahead.
    assert LoaderOptions(prefetch_factor=5).loader(dataset, []).prefetch_factor is None
