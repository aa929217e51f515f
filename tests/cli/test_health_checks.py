import torch

from brainbrr.cli import health_checks
from brainbrr.models.mamba2 import BiMamba2


def test_without_cuda_the_fused_layer_is_absent_and_nothing_is_broken():
    (finding,) = health_checks.check_fused_layer("cpu")
    assert finding.healthy is None and "Triton" in finding.detail


def test_a_layer_that_differs_from_the_recurrence_is_broken(monkeypatch):
    """On a processor that looks like a CUDA device, with the chunked form in the kernels' place."""
    on_cuda = type("OnCuda", (torch.Tensor,), {"is_cuda": True})
    error, draw = 0.0, health_checks._narrow_layer

    def narrow_layer(scan, device):
        layer, inputs = draw("chunked" if scan == "fused" else scan, "cpu")
        if scan == "fused":
            layer.norm.weight.data += error
            return layer, inputs.as_subclass(on_cuda)
        return layer, inputs

    monkeypatch.setattr(health_checks, "_narrow_layer", narrow_layer)
    monkeypatch.setattr(BiMamba2, "is_fused", lambda self, inputs: type(inputs) is on_cuda)
    monkeypatch.setattr(
        BiMamba2, "residual", lambda self, x, norm, _: x + self(norm(x.as_subclass(torch.Tensor)))
    )
    (right,) = health_checks.check_fused_layer("cuda")
    error = 0.1
    (wrong,) = health_checks.check_fused_layer("cuda")
    assert right.healthy is True and "off the recurrence by" in right.detail
    assert wrong.healthy is False and "model.scan=chunked" in wrong.remedy
