import numpy as np
import pytest

from brainbrr.errors import InvalidOption
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis.derivation import derivation
from brainbrr.synthesis.parameters import MONTAGES

POTENTIALS = np.random.default_rng(1).standard_normal((19, 50)).astype(np.float32)


@pytest.mark.parametrize("montage", MONTAGES)
def test_differences_between_electrodes_survive_every_montage(montage):
    labels, matrix = derivation(montage)
    channels = dict(zip(labels, matrix @ POTENTIALS, strict=True))
    fp1, f7 = (POTENTIALS[ELECTRODES.index(name)] for name in ("Fp1", "F7"))
    if montage == "bipolar":
        difference = channels["FP1-F7"]
    else:
        suffix = {"common": "REF", "linked_ears": "LE", "cz": "Cz"}[montage]
        difference = channels[f"EEG Fp1-{suffix}"] - channels[f"EEG F7-{suffix}"]
    assert np.allclose(difference, fp1 - f7, atol=1e-5)


def test_the_reference_itself_is_no_channel():
    labels, matrix = derivation("cz")
    assert len(labels) == 18 and "EEG Cz-Cz" not in labels
    assert np.allclose(matrix.sum(axis=1), 0)


def test_an_unknown_montage_is_refused():
    with pytest.raises(InvalidOption, match="a known montage; got laplacian"):
        derivation("laplacian")
