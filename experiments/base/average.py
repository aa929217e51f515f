"""Average the weights of detectors of one model, as of several checkpoints of one training.

    python experiments/base/average.py OUTPUT DETECTOR_OR_CHECKPOINT...

The first must be a detector (a run or a released folder): everything but the weights is its own.
Thresholds are those of the first: tune them again (the README beside this file says how).
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

import brainbrr
from brainbrr.release.artifact import save_release
from brainbrr.training.callbacks.ema import released_weights


def weights_of(source: str) -> dict[str, Tensor]:
    """Read the weights that validation evaluates."""
    if source.endswith(".ckpt"):
        return released_weights(Path(source))
    return brainbrr.load_detector(source).network.state_dict()


def main(output: str, first: str, *others: str) -> None:
    """Average and save."""
    detector = brainbrr.load_detector(first)
    states = [weights_of(source) for source in (first, *others)]
    average = {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    detector.network.load_state_dict(average)
    save_release(detector, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
