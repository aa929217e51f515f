from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.data.windows.index import Kind
from brainbrr.data.windows.sampler import Balance, BalancedSampler
from brainbrr.errors import InvalidInput, InvalidOption

KINDS = st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=1, max_size=200).map(
    lambda kinds: np.array([*kinds, 1], dtype=np.int8)
)


def sampler(kind, **changes):
    options = {"seed": 1, "batch_size": 4} | changes
    return BalancedSampler(kind, options.pop("balance", Balance()), **options)


@given(KINDS, st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_holds_all_partial_windows_and_its_share_of_the_others(kind, epoch, seed):
    windows = sampler(kind, seed=seed).epoch(epoch)
    partial = np.flatnonzero(kind == Kind.PARTIAL)
    counts = np.bincount(kind[windows], minlength=3)
    assert sorted(windows[kind[windows] == Kind.PARTIAL]) == partial.tolist()
    assert counts[Kind.FULL] == min((kind == Kind.FULL).sum(), round(0.3 * len(partial)))
    assert counts[Kind.NONE] == min((kind == Kind.NONE).sum(), round(2.5 * len(partial)))


@given(KINDS)
def test_all_background_is_seen_in_time(kind):
    one = sampler(kind)
    none = np.flatnonzero(kind == Kind.NONE)
    n_epochs = -(-len(none) // one.n_none) if one.n_none else 0
    seen = np.unique(np.concatenate([one.epoch(n) for n in range(n_epochs)] or [none]))
    assert set(none) <= set(seen)


@given(KINDS, st.integers(1, 4), st.integers(1, 7))
def test_processes_share_an_epoch_in_equally_many_batches(kind, n_ranks, batch_size):
    ranks = [
        sampler(kind, rank=rank, n_ranks=n_ranks, batch_size=batch_size) for rank in range(n_ranks)
    ]
    shares = [one.batches(2) for one in ranks]
    assert {len(share) for share in shares} == {one.n_batches for one in ranks}
    dealt = np.concatenate([np.concatenate(share) for share in shares])
    whole = ranks[0].epoch(2)
    assert set(dealt) == set(whole) and len(dealt) - len(whole) < n_ranks
    assert {len(np.concatenate(share)) for share in shares} == {-(-len(whole) // n_ranks)}


def test_order_follows_from_seed_and_epoch_alone():
    kind = np.array([0] * 50 + [1] * 5, dtype=np.int8)
    assert np.array_equal(sampler(kind).epoch(3), sampler(kind).epoch(3))
    assert not np.array_equal(sampler(kind).epoch(3), sampler(kind).epoch(4))
    assert not np.array_equal(sampler(kind).epoch(3), sampler(kind, seed=2).epoch(3))


@given(KINDS, st.integers(1, 5), st.floats(0, 0.95), st.floats(0, 0.9))
def test_a_curriculum_moves_the_share_of_seizure_and_not_the_epoch_s_length(
    kind, n_epochs, share, hard_fraction
):
    plain = sampler(kind)
    balance = Balance(
        curriculum_epochs=n_epochs, curriculum_share=share, hard_fraction=hard_fraction
    )
    eased = sampler(kind, balance=balance)
    epochs = [eased.epoch(number) for number in range(n_epochs + 2)]
    shares = [(kind[windows] != Kind.NONE).mean() for windows in epochs]
    assert {len(windows) for windows in epochs} == {plain.n_windows}
    assert all(one >= other for one, other in pairwise(shares))
    final = (kind[plain.epoch(0)] != Kind.NONE).mean()
    assert shares[-2:] == [final, final]
    assert shares[0] == pytest.approx(max(share, final), abs=1 / plain.n_windows)
    assert all(set(plain.partial) <= set(windows) for windows in epochs)
    assert np.array_equal(sampler(kind, balance=balance).epoch(1), epochs[1])


def test_a_curriculum_s_background_goes_on_where_the_last_epoch_ended():
    kind = np.array([0] * 60 + [1] * 8, dtype=np.int8)
    eased = sampler(kind, balance=Balance(curriculum_epochs=3, curriculum_share=0.8))
    dealt = np.concatenate([eased.epoch(n)[kind[eased.epoch(n)] == 0] for n in range(5)])
    counts = [(kind[eased.epoch(n)] == 0).sum() for n in range(5)]
    assert counts == [6, 11, 15, 20, 20]
    assert np.unique(dealt[:52]).size == 52 and np.unique(dealt).size == 60


def test_seizures_that_fill_their_windows_are_all_taken():
    kind = np.array([0] * 50 + [2] * 4, dtype=np.int8)
    windows = sampler(kind).epoch(0)
    assert np.bincount(kind[windows]).tolist() == [10, 0, 4]


def test_a_split_without_seizures_is_refused():
    with pytest.raises(InvalidInput, match="3 windows, none with one"):
        sampler(np.zeros(3, dtype=np.int8))


def test_impossible_settings_are_refused():
    with pytest.raises(InvalidOption, match="ratios and epochs of 0 or more"):
        Balance(none_per_partial=-1.0)
    with pytest.raises(InvalidOption, match="rank 2 of 2"):
        sampler(np.ones(3, dtype=np.int8), rank=2, n_ranks=2)
    with pytest.raises(InvalidOption, match="0 <= curriculum_share < 1"):
        Balance(curriculum_share=1.0)
