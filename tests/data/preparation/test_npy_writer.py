"""Large arrays written a stretch at a time."""

import numpy as np
import pytest

from brainbrr.data.preparation.npy_writer import open_npy


def test_blocks_land_where_they_belong_and_the_rest_is_zero(tmp_path):
    block = np.arange(12, dtype=np.int16).reshape(3, 4)
    with open_npy(tmp_path / "a.npy", (3, 20), np.dtype(np.int16)) as write:
        write(15, block)
        write(2, block + 1)
    expected = np.zeros((3, 20), dtype=np.int16)
    expected[:, 15:19] = block
    expected[:, 2:6] = block + 1
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), expected)


def test_a_failure_leaves_the_former_file(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    with pytest.raises(KeyError), open_npy(tmp_path / "a.npy", (1, 4), np.dtype(np.int16)) as write:
        write(0, np.ones((1, 4), dtype=np.int16))
        raise KeyError
    assert np.load(tmp_path / "a.npy").tolist() == [1, 1, 1]
    assert len(list(tmp_path.iterdir())) == 1
