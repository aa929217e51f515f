"""Spherical splines against MNE's."""

import numpy as np
from mne.channels.interpolation import _make_interpolation_matrix

from brainbrr.signal.positions import POSITIONS
from brainbrr.signal.spline import interpolation_matrix


def test_weights_equal_those_of_mne_at_its_order_and_smoothing():
    known, wanted = POSITIONS[[0, 1, 2, 3, 5, 8, 9, 12, 14, 17]], POSITIONS[[4, 10, 18]]
    theirs = _make_interpolation_matrix(known, wanted, alpha=1e-5)
    ours = interpolation_matrix(known, wanted, smoothing=1e-5, order=4)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
