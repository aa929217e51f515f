"""Believable scalp EEG with planted seizures and seizure-like artefacts, seeded, written as
BIDS-EEG."""

from brainbrr.data.synthesis.artefacts import ARTEFACTS
from brainbrr.data.synthesis.corpus import synthesize_corpus
from brainbrr.data.synthesis.parameters import SynthesisParameters

__all__ = ["ARTEFACTS", "SynthesisParameters", "synthesize_corpus"]
