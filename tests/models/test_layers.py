"""Norm over channels."""

import pytest
import torch

from brainbrr.models.layers import ChannelNorm


def test_quiet_stays_quiet_and_loud_is_brought_down():
    norm = ChannelNorm(64)
    pattern = torch.randn(1, 64, 1)
    sizes = [float(norm(pattern * scale).detach().std()) for scale in (0.01, 0.1, 1.0, 100.0)]
    assert sizes[0] == pytest.approx(0.01 * float(pattern.std()), rel=1e-3)
    assert sizes == sorted(sizes) and sizes[3] < 1.1
