"""Believable scalp EEG with planted seizures and seizure-like artefacts, seeded, written as
BIDS-EEG."""

from brainbrr.synthesis.artefacts import ARTEFACTS
from brainbrr.synthesis.corpus import synthesize_corpus
from brainbrr.synthesis.parameters import SynthesisParameters

__all__ = ["ARTEFACTS", "SynthesisParameters", "synthesize_corpus"]
