from brainbrr.cli import health_checks


def test_without_cuda_the_fused_layer_is_absent_and_nothing_is_broken():
    (finding,) = health_checks.check_fused_layer("cpu")
    assert finding.healthy is None and "Triton" in finding.detail


def test_a_layer_that_differs_from_the_recurrence_is_broken(monkeypatch):
    """With the chunked form in the kernels' place."""
    error, draw = 0.0, health_checks._narrow_layer

    def narrow_layer(scan, device):
        layer, inputs = draw("chunked" if scan == "triton" else scan, "cpu")
        if scan == "triton":
            layer.norm.weight.data += error
        return layer, inputs

    monkeypatch.setattr(health_checks, "_narrow_layer", narrow_layer)
    (right,) = health_checks.check_fused_layer("cuda")
    error = 0.1
    (wrong,) = health_checks.check_fused_layer("cuda")
    assert right.healthy is True and "off the recurrence by" in right.detail
    assert wrong.healthy is False and "model.scan=chunked" in wrong.remedy
