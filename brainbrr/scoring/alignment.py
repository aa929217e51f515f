"""Alignment of two label sequences by dynamic programming (NEDC's DPALIGN)."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SUBSTITUTION, INSERTION, DELETION = 0, 1, 2


def align(reference: str, hypothesis: str, label: str = "s") -> tuple[int, int, int]:
    """Hits, insertions and misses of one label in the cheapest alignment of two label sequences.

    Each character is one event. Insertion, deletion and substitution cost 1; among equally cheap
    paths the last step is a substitution, else an insertion, as in nedc_eeg_eval v6.0.0. A
    substituted label counts as a miss of the reference and not as a false alarm of the hypothesis.
    """
    if reference[:1] == hypothesis[:1] and _alternates(reference) and _alternates(hypothesis):
        # The longer is the shorter and a rest: nothing is cheaper than matching, then stopping.
        here, there = reference.count(label), hypothesis.count(label)
        hits = min(here, there)
        return hits, there - hits, here - hits
    steps = _steps(reference, hypothesis)
    row, column = len(reference), len(hypothesis)
    hits = insertions = misses = 0
    while row or column:
        step = steps[row, column]
        if step == INSERTION:
            column -= 1
            insertions += hypothesis[column] == label
        elif step == DELETION:
            row -= 1
            misses += reference[row] == label
        else:
            row, column = row - 1, column - 1
            if reference[row] == label:
                found = hypothesis[column] == label
                hits, misses = hits + found, misses + (not found)
    return hits, insertions, misses


def _alternates(labels: str) -> bool:
    return all(one != other for one, other in pairwise(labels))


def _steps(reference: str, hypothesis: str) -> NDArray[np.int8]:
    """Last step of the cheapest alignment of each pair of prefixes, shape `(reference + 1,
    hypothesis + 1)`."""
    steps = np.full((len(reference) + 1, len(hypothesis) + 1), SUBSTITUTION, dtype=np.int8)
    steps[0, 1:], steps[1:, 0] = INSERTION, DELETION
    above = list(range(len(hypothesis) + 1))
    for row, symbol in enumerate(reference, 1):
        cost = [row]
        for column, other in enumerate(hypothesis, 1):
            best, step = above[column - 1] + (symbol != other), SUBSTITUTION
            if cost[column - 1] + 1 < best:
                best, step = cost[column - 1] + 1, INSERTION
            if above[column] + 1 < best:
                best, step = above[column] + 1, DELETION
            cost.append(best)
            steps[row, column] = step
        above = cost
    return steps
