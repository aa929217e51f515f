"""Eigenvectors of many small symmetric matrices on the processor, in C: one matrix in each lane of
the vector registers, where LAPACK solves one after the other on one thread."""

import ctypes

import torch
from torch import Tensor

from brainbrr.kernels.c.binding import address, call, native_library, packed


class JacobiShape(ctypes.Structure):
    """`jacobi_shape` of native/jacobi.c."""

    _fields_ = [(name, ctypes.c_int64) for name in ("batch", "n", "n_vectors", "threads")]


def native_eigenvectors(matrices: Tensor, n_vectors: int) -> Tensor:
    """Eigenvectors of the smallest eigenvalues, in their order, by Jacobi's rotations.

    Args:
        matrices: (..., n, n), symmetric, float32, on the CPU.
        n_vectors: how many, at most n.

    Returns:
        (..., n, n_vectors), one vector a column, without gradient. What is not finite makes its own
        matrix's vectors not finite.
    """
    n = matrices.shape[-1]
    rows = packed(matrices, matrices.ndim)
    vectors = torch.empty(*matrices.shape[:-1], n_vectors)
    shape = JacobiShape(rows.numel() // n**2, n, n_vectors, torch.get_num_threads())
    call(
        native_library().brainbrr_jacobi,
        *(ctypes.byref(shape), address(rows), address(vectors)),
    )
    return vectors
