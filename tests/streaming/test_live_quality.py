"""Quality of a run as it arrives: the guard of a complete one, and a montage that recovers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from brainbrr.data.preparation.preparation import MissingElectrodes, Preparation
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import derivations
from brainbrr.signal.quality import FLAT, GOOD, with_guard
from brainbrr.streaming.live_quality import GuardedCodes, RunningMontage

CHANNELS = derivations([f"EEG {name}-REF" for name in ELECTRODES])
ALL_GOOD = np.full(19, GOOD, np.uint8)


def with_bad(*electrodes):
    codes = ALL_GOOD.copy()
    codes[[ELECTRODES.index(name) for name in electrodes]] = FLAT
    return codes


@given(
    arrays(np.uint8, st.tuples(st.just(3), st.integers(1, 25)), elements=st.integers(0, 4)),
    st.integers(0, 3),
)
def test_codes_as_they_come_are_those_of_the_complete_run(codes, n_guard):
    guarded, released = GuardedCodes(n_guard), []
    for number, epoch in enumerate(codes.T, 1):
        released += guarded.push(epoch)
        assert len(released) == max(number - n_guard, 0)
    released += guarded.finish()
    follows = np.ones(codes.shape[1], dtype=bool)
    np.testing.assert_array_equal(np.stack(released, axis=1), with_guard(codes, follows, n_guard))


@pytest.mark.parametrize("n_guard", [0, 1])
def test_only_codes_that_were_not_released_can_be_revised(n_guard):
    guarded = GuardedCodes(n_guard)
    guarded.push(ALL_GOOD)
    assert guarded.revise(with_bad("Cz")) is (n_guard > 0)
    last = guarded.finish()
    assert len(last) == n_guard
    assert all(codes[ELECTRODES.index("Cz")] == FLAT for codes in last)


def test_a_bad_channel_touches_no_other_electrode_and_recovers():
    montage = RunningMontage(CHANNELS, Preparation(), n_history=300)
    for _ in range(10):
        weights, observed = montage.weights(ALL_GOOD)
    assert observed.all()
    now, observed_now = montage.weights(with_bad("Cz"))
    cz = ELECTRODES.index("Cz")
    assert np.flatnonzero(~observed_now).tolist() == [cz]
    assert not now[observed_now, cz].any(), "no good electrode contains the bad channel"
    again, observed_again = montage.weights(ALL_GOOD)
    np.testing.assert_array_equal(again, weights)
    assert observed_again.all()


def test_a_channel_bad_for_long_is_missing_and_usable_again_after_the_history():
    preparation = Preparation(max_interpolated=0)
    montage = RunningMontage(CHANNELS, preparation, n_history=4)
    cz = ELECTRODES.index("Cz")
    for _ in range(4):
        weights, observed = montage.weights(with_bad("Cz"))
    assert not observed[cz]
    assert not weights[:, cz].any()
    for _ in range(4):
        weights, observed = montage.weights(ALL_GOOD)
    assert observed.all()
    assert weights[cz, cz] != 0


def test_channels_that_give_too_few_electrodes_are_refused():
    few = derivations(["EEG Fp1-REF", "EEG Cz-REF", "EEG O2-REF"])
    with pytest.raises(MissingElectrodes, match=r"or more of the 19 electrodes; got \d"):
        RunningMontage(few, Preparation(), n_history=10)
