"""Spherical splines."""

import numpy as np
import pytest

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.positions import POSITIONS
from brainbrr.signal.spline import interpolation_matrix, spline_inverse, spline_kernel


def test_kernel_is_perrin_s_series():
    from scipy.special import eval_legendre

    cosines = np.linspace(-1, 1, 21)
    series = sum((2 * n + 1) / (n * (n + 1)) ** 4 * eval_legendre(n, cosines) for n in range(1, 51))
    np.testing.assert_allclose(spline_kernel(cosines, order=4), series / (4 * np.pi), rtol=1e-12)


def test_weights_sum_to_one_and_give_back_what_is_known():
    weights = interpolation_matrix(POSITIONS[:15], POSITIONS[15:])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    exact = interpolation_matrix(POSITIONS, POSITIONS, smoothing=1e-12)
    np.testing.assert_allclose(exact, np.eye(19), atol=1e-6)


@pytest.mark.parametrize("missing", [("Fz",), ("Fz", "Pz"), ("T3", "O2", "C4")])
def test_a_smooth_potential_is_interpolated(missing):
    lost = np.array([name in missing for name in ELECTRODES])
    potential = POSITIONS @ np.array([10.0, 30.0, -20.0]) + 5.0
    guess = interpolation_matrix(POSITIONS[~lost], POSITIONS[lost]) @ potential[~lost]
    np.testing.assert_allclose(guess, potential[lost], atol=0.2 * np.ptp(potential))


def test_bending_energy_is_least_for_a_constant_and_never_negative():
    energy = spline_inverse(POSITIONS, smoothing=0.1)[:-1, :-1]
    np.testing.assert_allclose(energy @ np.ones(19), 0, atol=1e-8)
    assert np.linalg.eigvalsh((energy + energy.T) / 2).min() > -1e-8


def test_electrodes_are_where_they_should_be():
    np.testing.assert_allclose(np.linalg.norm(POSITIONS, axis=1), 1)
    at = dict(zip(ELECTRODES, POSITIONS, strict=True))
    np.testing.assert_allclose(at["Cz"], [0, 0, 1], atol=1e-12)
    for left, right in (("Fp1", "Fp2"), ("C3", "C4"), ("T5", "T6"), ("F7", "F8"), ("P3", "P4")):
        np.testing.assert_allclose(at[left] * [-1, 1, 1], at[right], atol=1e-9)
        assert at[left][0] < 0
    assert at["Fp1"][1] > at["F3"][1] > at["C3"][1] + 0.1 > at["P3"][1] > at["O1"][1]
