import itertools
import math

import pytest
import torch

from brainbrr.errors import InvalidOption
from brainbrr.training.schedules import warmup_constant, warmup_cosine


def rates(make, n_steps, **numbers):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = make(optimizer, n_steps, **numbers)
    seen = []
    for _ in range(n_steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_the_first_step_is_taken_at_the_first_value_of_the_warm_up():
    seen = rates(warmup_cosine, 100, warmup_fraction=0.1, final_fraction=0.0)
    assert seen[:10] == pytest.approx([0.2 * k for k in range(1, 11)])
    assert seen[10] == pytest.approx(2.0)


def test_the_cosine_ends_at_its_final_rate():
    seen = rates(warmup_cosine, 101, warmup_fraction=0.0, final_fraction=0.1)
    assert seen[0] == 2.0 and seen[-1] == pytest.approx(0.2)
    assert seen[50] == pytest.approx(0.2 + 1.8 * (1 + math.cos(math.pi / 2)) / 2)
    assert all(a > b for a, b in itertools.pairwise(seen))


def test_a_constant_rate_after_the_warm_up():
    seen = rates(warmup_constant, 20, warmup_fraction=0.5)
    assert seen[0] == pytest.approx(0.2) and set(seen[9:]) == {2.0}
    assert rates(warmup_constant, 3, warmup_fraction=0.0) == [2.0] * 3


def test_its_state_holds_plain_values_only():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    state = warmup_cosine(optimizer, 10, warmup_fraction=0.1, final_fraction=0.0).state_dict()
    assert not [value for value in state.values() if callable(value)]


@pytest.mark.parametrize("numbers", [(0, 0.1, 0.0), (10, 1.0, 0.0), (10, 0.1, 1.5)])
def test_impossible_settings_are_refused(numbers):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    n_steps, warmup, final = numbers
    with pytest.raises(InvalidOption, match="Correct the scheduler group"):
        warmup_cosine(optimizer, n_steps, warmup_fraction=warmup, final_fraction=final)
