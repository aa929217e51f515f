"""Any montage to the 19 electrodes in average reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.labels import Derivation, derivations
from brainbrr.signal.montage import connected_parts, solve_montage, useful_channels
from brainbrr.signal.positions import POSITIONS

CHAINS = [
    "Fp1-F3", "F3-C3", "C3-P3", "P3-O1", "Fp1-F7", "F7-T3", "T3-T5", "T5-O1", "Fz-Cz", "Cz-Pz",
    "Fp2-F4", "F4-C4", "C4-P4", "P4-O2", "Fp2-F8", "F8-T4", "T4-T6", "T6-O2",
]  # fmt: skip
CHB = [
    "FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1", "FP2-F4", "F4-C4",
    "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FZ-CZ", "CZ-PZ", "P7-T7", "T7-FT9",
    "FT9-FT10", "FT10-T8", "T8-P8",
]  # fmt: skip
MIDLINE, LEFT, RIGHT = [8, 9, 10], list(range(8)), list(range(11, 19))


@pytest.fixture
def potentials():
    """Potentials of electrodes, ears and temples, and what the references are made of."""
    generator = np.random.default_rng(3)
    names = [*ELECTRODES, "A1", "A2", "FT9", "FT10"]
    values = dict(zip(names, generator.standard_normal((len(names), 500)) * 40, strict=True))
    scalp = np.stack([values[name] for name in ELECTRODES])
    values |= {"REF": generator.standard_normal(500) * 90, "AVG": scalp.mean(axis=0)}
    values["LE"] = (values["A1"] + values["A2"]) / 2
    return values


def average(potentials):
    scalp = np.stack([potentials[name] for name in ELECTRODES])
    return scalp - scalp.mean(axis=0)


def derive(potentials, labels):
    channels = derivations(labels)
    return channels, np.stack([potentials[d.plus] - potentials[d.minus] for d in channels])


@pytest.mark.parametrize(
    ("labels", "reference"),
    [
        ([f"EEG {name}-REF" for name in ELECTRODES], "common"),
        ([f"{name}-LE" for name in ELECTRODES], "linked_ears"),
        ([f"{name}-Avg" for name in ELECTRODES], "average"),
        ([f"{name}-Cz" for name in ELECTRODES if name != "Cz"], "Cz"),
        ([f"{name}-A2" for name in ELECTRODES] + ["A1-A2"], "ears"),
        ([f"{n}-{'A1' if n[-1] in '13579z' else 'A2'}" for n in ELECTRODES] + ["A2-A1"], "ears"),
        ([*CHAINS, "C3-Cz", "Cz-C4"], "bipolar"),
        ([*CHB, "C3-CZ"], "bipolar"),
        ([f"{name}-REF" for name in ELECTRODES[7:13]] + CHAINS, "mixed"),
    ],
)
def test_round_trips_where_all_is_determined(potentials, labels, reference):
    channels, signal = derive(potentials, labels)
    solution = solve_montage(channels)
    np.testing.assert_allclose(solution.weights @ signal, average(potentials), atol=1e-9)
    assert solution.observed.all()
    assert solution.interpolated == ()
    assert len(solution.parts) == 1
    assert solution.reference == reference


@pytest.mark.parametrize(
    ("labels", "parts"), [(CHAINS, [LEFT, RIGHT, MIDLINE]), (CHB, [LEFT + RIGHT, MIDLINE])]
)
def test_within_each_part_of_a_chain_every_difference_is_exact(potentials, labels, parts):
    channels, signal = derive(potentials, labels)
    solution = solve_montage(channels)
    recovered, truth = solution.weights @ signal, average(potentials)
    assert sorted(map(len, solution.parts)) == sorted(map(len, parts))
    for part in parts:
        for eeg in (recovered, truth):
            eeg[part] -= eeg[part].mean(axis=0)
        np.testing.assert_allclose(recovered[part], truth[part], atol=1e-9)
    assert solution.observed.all()


@pytest.mark.parametrize("direction", [(30, 10, 40), (0, 5, 50), (60, 0, 0)])
def test_what_two_parts_are_against_each_other_is_a_smooth_guess(direction):
    """A quarter less error, at least, than with each part around its own mean."""
    slope = np.outer(POSITIONS @ np.array(direction), np.ones(4))
    channels, signal = derive(dict(zip(ELECTRODES, slope, strict=True)), CHAINS)
    recovered = solve_montage(channels).weights @ signal
    truth = slope - slope.mean(axis=0)
    apart = truth.copy()
    for part in (LEFT, RIGHT, MIDLINE):
        apart[part] -= apart[part].mean(axis=0)
    assert np.linalg.norm(recovered - truth) < 0.75 * np.linalg.norm(apart - truth)


def test_average_reference_sums_to_zero_over_what_is_observed(potentials):
    channels, signal = derive(potentials, [f"{name}-REF" for name in ELECTRODES[:12]])
    solution = solve_montage(channels)
    recovered = solution.weights @ signal
    np.testing.assert_allclose(recovered.sum(axis=0), 0, atol=1e-9)
    assert solution.observed.sum() == 12
    assert not recovered[12:].any()


def test_a_channel_recorded_twice_is_averaged(potentials):
    channels, signal = derive(potentials, [f"{name}-REF" for name in (*ELECTRODES, "Fp1")])
    weights = solve_montage(channels).weights
    np.testing.assert_allclose(weights[0, 0], weights[0, -1])
    np.testing.assert_allclose(weights @ signal, average(potentials), atol=1e-9)


def test_a_broken_channel_of_a_loop_changes_nothing_that_is_determined(potentials):
    channels, signal = derive(potentials, [*CHAINS, "C3-Cz", "Cz-C4"])
    signal[3] = 1e4
    usable = np.arange(len(channels)) != 3
    recovered = solve_montage(channels, usable).weights @ signal
    np.testing.assert_allclose(recovered, average(potentials), atol=1e-8)


def test_few_missing_electrodes_are_interpolated_and_named(potentials):
    labels = [f"{name}-REF" for name in ELECTRODES if name not in {"Fz", "Pz"}]
    channels, signal = derive(potentials, labels)
    solution = solve_montage(channels)
    assert solution.interpolated == ("Fz", "Pz")
    assert solution.observed.all()
    assert (solution.weights[8] != 0).sum() > 3
    smooth = solution.weights @ np.ones((len(channels), 1))
    np.testing.assert_allclose(smooth, 0, atol=1e-9)
    assert solve_montage(channels, max_interpolated=1).interpolated == ()
    assert solve_montage(channels, max_interpolated=1).observed.sum() == 17
    assert solve_montage(channels, min_neighbours=12).interpolated == ()
    del signal


def test_electrodes_that_nothing_ties_to_the_others_are_missing():
    channels = derivations(["Fp1-A1", "F3-REF", "C3-REF", "P3-REF", "O2-EKG", "Fz-Fz"])
    solution = solve_montage(channels)
    assert [name for name, seen in zip(ELECTRODES, solution.observed, strict=True) if seen] == [
        "F3",
        "C3",
        "P3",
    ]


def test_no_channels_at_all():
    solution = solve_montage([None, None])
    assert not solution.observed.any()
    assert solution.weights.shape == (N_ELECTRODES, 2)
    assert solution.reference == "none"
    assert solution.parts == ()


def test_useful_channels_leave_out_dead_ends():
    labels = ["Fp1-REF", "F3-REF", "EKG-REF", "FT9-REF", "A2-A1", "Cz-Cz", "O1-M1"]
    assert useful_channels(derivations(labels)).tolist() == [True, True, *[False] * 5]


def test_connected_parts_come_largest_first():
    parts = connected_parts(
        [Derivation("Fz", "Cz"), Derivation("F3", "C3"), Derivation("C3", "P3")]
    )
    assert parts == [{"F3", "C3", "P3"}, {"Fz", "Cz"}]


pairs = st.lists(
    st.tuples(st.sampled_from([*ELECTRODES, "A1"]), st.sampled_from([*ELECTRODES, "A1", "REF"])),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(pairs, st.integers(0, 2**31))
def test_any_set_of_derivations_recovers_every_difference_it_determines(pairs, seed):
    channels = [Derivation(*pair) for pair in pairs]
    nodes = [*ELECTRODES, "A1", "REF"]
    values = dict(
        zip(nodes, np.random.default_rng(seed).standard_normal((len(nodes), 4)), strict=True)
    )
    signal = np.stack([values[d.plus] - values[d.minus] for d in channels])
    solution = solve_montage(channels, max_interpolated=0)
    recovered = solution.weights @ signal
    covered = {name for part in solution.parts for name in part}
    assert covered == {n for n, seen in zip(ELECTRODES, solution.observed, strict=True) if seen}
    for part in solution.parts:
        first, *rest = [ELECTRODES.index(name) for name in part]
        for other in rest:
            expected = values[ELECTRODES[other]] - values[ELECTRODES[first]]
            np.testing.assert_allclose(recovered[other] - recovered[first], expected, atol=1e-8)
