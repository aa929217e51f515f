"""A `.npy` larger than memory, written a stretch at a time, whole or absent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.atomic_io import atomic_write

Write = Callable[[int, NDArray[np.generic]], None]


@contextmanager
def open_npy(
    target: str | Path, shape: tuple[int, int], dtype: np.dtype[np.generic]
) -> Iterator[Write]:
    """A function `write(first, block)` that puts `(rows, samples)` at sample `first`.

    What is never written is 0.

    Args:
        target: the file; appears when the block is left without an error.
        shape: `(rows, samples)`.
        dtype: of the blocks.
    """
    with atomic_write(target, "wb") as file:
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(file, header)
        data_starts = file.tell()
        file.truncate(data_starts + shape[0] * shape[1] * dtype.itemsize)

        def write(first: int, block: NDArray[np.generic]) -> None:
            for row, values in enumerate(np.ascontiguousarray(block, dtype=dtype)):
                file.seek(data_starts + (row * shape[1] + first) * dtype.itemsize)
                file.write(values.tobytes())

        yield write
