"""The fused layer's Triton kernels, interpreted on the processor, against the plain recurrence.

Run by `interpreted.py` in a process of its own with TRITON_INTERPRET=1. Prints a case, a
tensor's name and its largest error relative to the largest number, one a line. With an argument
it runs the one case alone.
"""

import copy
import sys

import numpy as np
import torch
from triton.runtime import interpreter

from brainbrr.kernels.c import operators
from brainbrr.kernels.triton import layer as triton_layer

# Before `ops` registers them: what serves a CUDA device serves the CPU here.
operators.layer_forward = triton_layer.layer_forward
operators.layer_backward = triton_layer.layer_backward

from brainbrr.kernels.ops import residual_bimamba  # noqa: E402
from brainbrr.models.mamba2 import BiMamba2  # noqa: E402
from brainbrr.models.sequence import ResidualBiMamba2  # noqa: E402

# sequences, frames, d_model, headdim, d_state, d_conv, expand: more sequences than programs of the
# backward pass, more frames than between two kept states, none whole tiles.
CASES = {
    "v3": (3, 70, 16, 4, 8, 4, 2),
    "tiny": (2, 20, 8, 1, 4, 3, 1),
    "frame": (1, 1, 8, 2, 8, 2, 2),
}


def rounded_product(self, a, b, d, input_precision, max_num_imprecise_acc):
    """What a tensor core makes of its operands; the interpreter takes bfloat16 for integers."""

    def widened(operand):
        if operand.data.dtype == np.uint16:
            return (operand.data.astype(np.uint32) << 16).view(np.float32)
        if input_precision.name == "TF32":
            return (operand.data.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
        return operand.data

    product = np.matmul(widened(a), widened(b)) + d.data
    return interpreter.TensorHandle(product.astype(np.float32), d.dtype.scalar)


interpreter.InterpreterBuilder.create_dot = rounded_product


def draw(batch, length, d_model, headdim, d_state, d_conv, expand):
    """A layer whose norm is not the identity and whose memories fade fast and slowly."""
    torch.manual_seed(length)
    sizes = {"d_state": d_state, "headdim": headdim, "d_conv": d_conv, "expand": expand}
    layer = ResidualBiMamba2(d_model, BiMamba2(d_model, **sizes, scan="reference"), 0.0)
    with torch.no_grad():
        layer.norm.weight.uniform_(0.5, 2.0)
        layer.norm.bias.normal_()
        for block in layer.layer.children():
            block.dt_bias.add_(torch.linspace(-2, 4, len(block.dt_bias)))
            block.D.normal_()
    return layer, 1.0 + 2.0 * torch.randn(batch, length, d_model)


def fused(layer, inputs, dropout=0.0):
    block = layer.layer
    return residual_bimamba(
        inputs,
        block.forwards.weights(),
        block.backwards.weights(),
        layer.norm.weight,
        layer.norm.bias,
        norm_eps=1e-5,
        eps=1e-5,
        dropout=dropout,
        scan="c",
    )


def results(layer, function, inputs):
    """Output and gradients by name."""
    leaf = inputs.clone().requires_grad_()
    output = function(layer, leaf)
    weight = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    loss = (output * weight.to(output.dtype)).sum()
    grads = torch.autograd.grad(loss, [leaf, *layer.parameters()])
    names = ["output", "input", *(name for name, _ in layer.named_parameters())]
    return dict(zip(names, [output.detach(), *grads], strict=True))


def report(case, ours, theirs):
    for name, want in theirs.items():
        error = float((ours[name] - want).abs().max() / want.abs().max().clamp_min(1e-6))
        print(case, name, error)


def oracle(layer, inputs, mask=1.0):
    exact = copy.deepcopy(layer).double()
    unfused = lambda model, x: x + mask * model.layer(model.norm(x))  # noqa: E731
    return results(exact, unfused, inputs.double())


def dropped():
    """Gradients pass through the mask of the forward pass."""
    layer, inputs = draw(*CASES["tiny"])
    torch.manual_seed(0)
    ours = results(layer, lambda model, x: fused(model, x, 0.2), inputs)
    branch = layer.layer(layer.norm(inputs))
    mask = (((ours["output"] - inputs) / branch).detach() > 0.5) * 1.25
    print("kept", "share", float((mask > 0).float().mean()))
    report("dropout", ours, oracle(layer, inputs, mask))


def halves():
    """Inputs in half precision, to weights in float32."""
    layer, inputs = draw(2, 35, *CASES["v3"][2:])
    for case, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        rounded = inputs.to(dtype)
        report(case, results(layer, fused, rounded), oracle(layer, rounded))


for case in sys.argv[1:] or CASES:
    layer, inputs = draw(*CASES[case])
    first = results(layer, fused, inputs)
    report(case, first, oracle(layer, inputs))
    if case != "v3":
        report(f"{case}-again", results(layer, fused, inputs), first)
if not sys.argv[1:]:
    dropped()
    halves()
