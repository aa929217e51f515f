"""Eigenvectors in ONNX, which has no operator for them: Jacobi rotations in a Loop of a few nodes.

The algorithm and the number of sweeps are those of `brainbrr.kernels.jacobi`; unrolled, as a tracer
would write it, it is thousands of nodes. Here the rows are kept in the order of a round-robin
tournament, so that every round is the same: row k is rotated with row k + half, and then all rows
advance one position. Axes: (row, column, matrix), matrices last, so that a row is one block of
memory.
"""

import numpy as np
import onnx_ir
from onnxscript import FLOAT, INT64, script
from onnxscript import opset18 as op

from brainbrr.kernels.jacobi import sweeps_for


@script(default_opset=op)
def jacobi_rounds(
    matrices: FLOAT[...],
    start: INT64[...],
    onwards: INT64[...],
    sizes: INT64[...],
    identity: FLOAT[...],
    ones: FLOAT[...],
    n_rounds: INT64[...],
) -> tuple[FLOAT[...], FLOAT[...]]:
    """Compute eigenvalues `(count, n)` and eigenvectors as columns `(count, n, n)`, unsorted.

    Args:
        matrices: symmetric, `(count, n, n)`.
        start: `(n,)`, the order of the rows in the first round.
        onwards: `(n,)`, the permutation from one round's order to the next one's.
        sizes: half, half, and the one row left over if n is odd.
        identity: `(n, n, 1)`.
        ones: `(half, half, 1)`, 1 on the diagonal.
        n_rounds: scalar; a multiple of n, after which the order is the first again.
    """
    first_axis = op.Constant(value_ints=[0])
    second_axis = op.Constant(value_ints=[1])
    one = op.Constant(value_float=1.0)
    zero = op.Constant(value_float=0.0)
    upright = op.Transpose(matrices, perm=[1, 2, 0])
    turned = op.Gather(op.Gather(upright, start, axis=0), start, axis=1)
    vectors = op.Gather(op.Expand(identity, op.Shape(upright)), start, axis=0)
    for _ in range(n_rounds):
        upper, lower, rest = op.Split(turned, sizes, axis=0)
        upper_left, beside, _ = op.Split(upper, sizes, axis=1)
        _, lower_right, _ = op.Split(lower, sizes, axis=1)
        upper_diagonal = op.ReduceSum(upper_left * ones, second_axis, keepdims=0)
        lower_diagonal = op.ReduceSum(lower_right * ones, second_axis, keepdims=0)
        twice_off = op.ReduceSum(beside * ones, second_axis, keepdims=0)
        twice_off = twice_off + twice_off
        difference = lower_diagonal - upper_diagonal
        # Squares of small numbers underflow, so the two are scaled by the larger of them.
        size = op.Max(op.Abs(difference), op.Abs(twice_off))
        still = op.Equal(size, zero)
        size = op.Where(still, one, size)
        difference = difference / size
        twice_off = twice_off / size
        sign = op.Where(op.Less(difference, zero), op.Neg(one), one)
        length = op.Sqrt(difference * difference + twice_off * twice_off)
        denominator = op.Where(still, one, op.Abs(difference) + length)
        tangent = twice_off * sign / denominator
        cosine = op.Reciprocal(op.Sqrt(one + tangent * tangent))
        sine = tangent * cosine
        row_cosine = op.Unsqueeze(cosine, second_axis)
        row_sine = op.Unsqueeze(sine, second_axis)
        rows = op.Concat(
            row_cosine * upper - row_sine * lower,
            row_sine * upper + row_cosine * lower,
            rest,
            axis=0,
        )
        left, right, last = op.Split(rows, sizes, axis=1)
        column_cosine = op.Unsqueeze(cosine, first_axis)
        column_sine = op.Unsqueeze(sine, first_axis)
        columns = op.Concat(
            column_cosine * left - column_sine * right,
            column_sine * left + column_cosine * right,
            last,
            axis=1,
        )
        turned = op.Gather(op.Gather(columns, onwards, axis=0), onwards, axis=1)
        some, others, resting = op.Split(vectors, sizes, axis=0)
        vectors = op.Gather(
            op.Concat(
                row_cosine * some - row_sine * others,
                row_sine * some + row_cosine * others,
                resting,
                axis=0,
            ),
            onwards,
            axis=0,
        )
    values = op.ReduceSum(turned * identity, second_axis, keepdims=0)
    return op.Transpose(values, perm=[1, 0]), op.Transpose(vectors, perm=[2, 1, 0])


def onnx_eigh(
    A: FLOAT[...], UPLO: str = "L", compute_v: bool = True
) -> tuple[FLOAT[...], FLOAT[...]]:
    """Translate `torch.linalg.eigh`: eigenvalues ascending, eigenvectors as columns.

    Args:
        A: symmetric, `(..., n, n)`, n known; both triangles are read.
        UPLO, compute_v: unused; torch's operator has them.
    """
    n = A.shape[-1]
    half = n // 2
    start, onwards = tournament(n)
    flat = op.Reshape(A, op.Constant(value_ints=[-1, n, n]))
    values, vectors = jacobi_rounds(
        flat,
        _constant(start),
        _constant(onwards),
        _constant(np.array([half, half, n - 2 * half])),
        _constant(np.eye(n, dtype=np.float32)[..., None]),
        _constant(np.eye(half, dtype=np.float32)[..., None]),
        _constant(np.array(sweeps_for(n) * (n - 1 + n % 2))),
    )
    values, rank = op.TopK(values, op.Constant(value_ints=[n]), largest=0)
    index = op.Expand(op.Unsqueeze(rank, op.Constant(value_ints=[1])), op.Shape(vectors))
    vectors = op.GatherElements(vectors, index, axis=2)
    shape = op.Shape(A)
    return op.Reshape(values, op.Slice(shape, [0], [-1])), op.Reshape(vectors, shape)


def tournament(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a round-robin's first order of rows, and the permutation from each round to the next.

    Position k is paired with position k + n // 2; if n is odd the last one is left over. After
    n - 1 rounds (n if n is odd) every pair has met once and the order is the first again.
    """
    players = [*([-1] if n % 2 else []), *range(n)]

    def line(ring: list[int]) -> list[int]:
        half = len(ring) // 2
        pairs = list(zip(ring[:half], reversed(ring[half:]), strict=True))
        met = [pair for pair in pairs if -1 not in pair]
        resting = [max(pair) for pair in pairs if -1 in pair]
        return [*(pair[0] for pair in met), *(pair[1] for pair in met), *resting]

    first = line(players)
    second = line([players[0], players[-1], *players[1:-1]])
    return np.array(first), np.array([first.index(row) for row in second])


def _constant(array: np.ndarray) -> FLOAT[...]:
    return op.Constant(value=onnx_ir.tensor(array))
