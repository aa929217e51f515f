"""Eigenvectors written as an ONNX loop are those of LAPACK; the tournament leaves out no pair."""

from pathlib import Path

import numpy as np
import pytest
import torch

from brainbrr.export.onnx_eigh import tournament
from brainbrr.export.onnx_export import to_onnx


@pytest.mark.parametrize("n", [2, 5, 6, 19])
def test_every_pair_meets_once_and_all_come_back(n: int) -> None:
    line, onwards = tournament(n)
    first, half, met = line, n // 2, set()
    for _ in range(n - 1 + n % 2):
        met |= {frozenset((int(line[k]), int(line[k + half]))) for k in range(half)}
        line = line[onwards]
    assert len(met) == n * (n - 1) // 2
    np.testing.assert_array_equal(line, first)


class Eigen(torch.nn.Module):
    def forward(self, a: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        values, vectors = torch.linalg.eigh(a)
        return torch.cat([values[..., None, :], vectors], -2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n", [6, 19])
def test_values_and_vectors_are_lapacks(n: int, tmp_path: Path) -> None:
    import onnxruntime

    generator = np.random.default_rng(0)
    half = generator.random((3, 4, n, n)) * (generator.random((3, 4, n, n)) < 0.3)
    matrices = (half + half.swapaxes(-1, -2) + np.diag(np.linspace(0, 1, n))).astype(np.float32)
    one = torch.zeros(1)
    program = torch.export.export(Eigen(), (torch.from_numpy(matrices), one, one, one))
    session = onnxruntime.InferenceSession(to_onnx(program))
    fed = {node.name: np.zeros(1, np.float32) for node in session.get_inputs()}
    found = session.run(None, fed | {"eeg": matrices})[0]
    values, vectors = found[..., 0, :], found[..., 1:, :]
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrices), atol=1e-4)
    rebuilt = vectors * values[..., None, :] @ vectors.swapaxes(-1, -2)
    np.testing.assert_allclose(rebuilt, matrices, atol=1e-4)
