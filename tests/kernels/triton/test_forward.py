"""The forward kernel of the fused layer against the recurrence, interpreted without a GPU."""

import pytest

from tests.kernels.triton.interpreted import WHOLE, assert_compiles, errors, needs_triton

pytestmark = needs_triton


def test_the_output_of_one_frame_equals_the_recurrences():
    # float32 through another order of sums; repeated, the same bits.
    assert errors("frame")["frame"]["output"] < 2e-5
    assert errors("frame")["frame-again"]["output"] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE)
def test_the_output_equals_the_recurrences(case):
    assert errors()[case]["output"] < 2e-5


@pytest.mark.slow
def test_dropout_keeps_its_share():
    assert errors()["kept"]["share"] == pytest.approx(0.8, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "tolerance"), [("float16", 1e-2), ("bfloat16", 3e-2)])
def test_half_precision_costs_what_its_rounding_does(case, tolerance):
    assert errors()[case]["output"] < tolerance


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_it_compiles_for_gpus_that_are_not_here():
    assert_compiles("forward", 512)
