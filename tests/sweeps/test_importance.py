"""What decides a sweep's score is distinguished from what does not."""

import pytest

from brainbrr.sweeps.importance import importances
from brainbrr.sweeps.runs_table import SweepRun


def run_of(number, score, **options):
    return SweepRun(str(number), "finished", options, {}, validation=score)


def test_what_decides_the_score_is_told_from_what_does_not():
    runs = [
        run_of(n, n * n / 100, lr=10.0 ** (n - 9), model="ab"[n % 2], noise=(n * 7) % 10)
        for n in range(10)
    ]
    found = {each.name: each for each in importances(runs)}
    assert found["lr"].share == pytest.approx(1.0) and found["lr"].n_runs == 10
    # Of ten ranks, the odd and the even ones' means differ by 1: 0.25 / 8.25 of the variance.
    assert found["model"].share == pytest.approx(0.25 / 8.25)
    assert found["model"].share < found["model"].by_chance
    assert 0.3 < found["noise"].by_chance < 0.5
    assert next(iter(found)) == "lr"


def test_too_few_runs_say_nothing():
    assert importances([run_of(0, 0.1, lr=1), run_of(1, 0.2, lr=2)]) == []
    equal = [run_of(n, 0.5, lr=n) for n in range(4)]
    assert importances(equal)[0].share == 0.0
