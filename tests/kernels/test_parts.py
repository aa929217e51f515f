"""The chunked scan's block by parts: the same numbers, little saved for the backward pass."""

import pytest
import torch

from brainbrr.kernels import ops, parts, reference
from brainbrr.models.mamba2 import Mamba2


def draw(n_sequences, dtype=torch.float32):
    torch.manual_seed(0)
    block = Mamba2(16, d_state=8, headdim=4).to(dtype)
    return block, torch.randn(n_sequences, 50, 16, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_parts_give_the_numbers_of_the_whole(reverse, dtype, monkeypatch):
    monkeypatch.setattr(parts, "PART_BYTES_CPU", 500_000)
    block, inputs = draw(5, torch.promote_types(dtype, torch.float32))
    assert parts.sequences_per_part(inputs, block.weights()) == 2

    def results(form):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            output = ops.mamba2(inputs, block.weights(), eps=1e-5, reverse=reverse, scan=form)
        leaves = [inputs, *block.parameters()]
        return [output, *torch.autograd.grad(output.square().sum(), leaves)]

    # A function is not split.
    for part, whole in zip(results("chunked"), results(reference.chunked), strict=True):
        tolerance = 1e-12 if dtype == torch.float64 else 2**-7
        torch.testing.assert_close(
            part, whole, rtol=tolerance, atol=tolerance * float(whole.detach().abs().max())
        )


def test_only_the_input_is_saved_for_the_backward_pass():
    block, inputs = draw(8)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
        ops.mamba2(inputs, block.weights(), eps=1e-5, scan="chunked")
    assert sum(each.numel() for each in saved) <= 2 * inputs.numel()


def test_a_part_holds_what_its_bytes_allow_and_one_sequence_at_least(monkeypatch):
    block, inputs = draw(64)
    seen = []
    monkeypatch.setattr(parts, "PART_BYTES_CPU", 1)
    parts.in_parts(
        lambda part: seen.append(len(part)) or part,
        inputs,
        parts.sequences_per_part(inputs, block.weights()),
    )
    assert seen == [1] * 64
