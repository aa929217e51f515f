"""The backward kernel of the fused layer against the recurrence, interpreted without a GPU."""

import pytest

from tests.kernels.triton.interpreted import WHOLE, assert_compiles, errors, needs_triton

pytestmark = needs_triton

N_TENSORS = 20
"""Output, input and eighteen weights."""


def test_every_gradient_of_one_frame_equals_the_recurrences():
    found = errors("frame")
    assert len(found["frame"]) == N_TENSORS
    # float32 through another order of sums; repeated, the same bits.
    assert max(found["frame"].values()) < 2e-5, found
    assert max(found["frame-again"].values()) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE)
def test_every_gradient_equals_the_recurrences(case):
    found = errors()[case]
    assert len(found) == N_TENSORS
    assert max(found.values()) < 2e-5, found


@pytest.mark.slow
def test_each_run_gives_the_same_bits():
    assert max(errors()["tiny-again"].values()) == 0.0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_compiles_for_gpus_that_are_not_here():
    assert_compiles("backward", 2048)
