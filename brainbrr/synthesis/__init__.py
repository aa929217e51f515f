"""Synthetic scalp EEG with planted seizures and seizure-like artefacts, seeded, as BIDS-EEG.

SynthesisParameters -> subject -> plan (when) -> recording -> files -> corpus
    recording = background + seizures + artefacts + nuisance, mixed by scalp and derivation
"""

from brainbrr.synthesis.artefacts import ARTEFACTS
from brainbrr.synthesis.corpus import synthesize_corpus
from brainbrr.synthesis.parameters import SynthesisParameters

__all__ = ["ARTEFACTS", "SynthesisParameters", "synthesize_corpus"]
