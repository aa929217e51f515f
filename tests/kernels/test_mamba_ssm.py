"""How the CUDA kernels are called, with a stand-in for mamba-ssm; they need a GPU."""

import sys

import pytest
import torch

from brainbrr.errors import InvalidInput
from brainbrr.kernels import mamba_ssm as kernels
from brainbrr.kernels.reference import chunked, convolve


@pytest.fixture
def launches(monkeypatch):
    """Each launch's number of sequences."""
    sizes = []

    def combined(x, dt, A, B, C, chunk_size, *, D, initial_states, return_final_states):
        assert chunk_size == 64 and return_final_states
        sizes.append(x.shape[0])
        return chunked(x, dt, A, B, C, D, initial_states)

    monkeypatch.setattr(kernels, "_combined", lambda: combined)
    return sizes


def draw(batch, length):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, length, 8, 1, generator=generator)
    dt = torch.rand(batch, length, 8, generator=generator)
    B, C = torch.randn(2, batch, length, 1, 2, generator=generator)
    return x, dt, -torch.ones(8), B, C, torch.ones(8), torch.randn(batch, 8, 1, 2)


@pytest.mark.parametrize(
    ("batch", "length", "sizes"),
    [(10, 960, [10]), (9000, 2, [4369, 4369, 262]), (40, 64 * 4000, [16, 16, 8])],
)
def test_launches_stay_within_the_grid(launches, monkeypatch, batch, length, sizes):
    # Only the number of sequences matters here; the scan itself would take minutes.
    monkeypatch.setattr(kernels, "_combined", lambda: fake_launch(launches))
    one = torch.zeros(1)
    sequences = one.expand(batch, length, 8, 1)
    kernels.launch_scan(sequences, one, one, sequences, sequences, one)
    assert launches == sizes
    assert max(sizes) * -(-length // 64) <= 65_535


def fake_launch(launches):
    def combined(x, *_, **__):
        launches.append(x.shape[0])
        return x[:, :1], x[:, :1]

    return combined


def test_split_launches_give_what_one_would(launches, monkeypatch):
    monkeypatch.setattr(kernels, "MAX_SEQUENCES", 3)
    inputs = draw(8, 20)
    y, state = kernels.launch_scan(*inputs)
    want_y, want_state = chunked(*inputs)
    assert launches == [3, 3, 2]
    torch.testing.assert_close(y, want_y)
    torch.testing.assert_close(state, want_state)


def test_nothing_is_available_without_a_device():
    if not torch.cuda.is_available():
        assert not kernels.available()


def test_without_causal_conv1d_the_convolution_is_torchs():
    arguments = torch.randn(1, 4, 8), torch.randn(8, 1, 4), torch.randn(8)
    assert torch.equal(kernels.convolve(*arguments), convolve(*arguments))


@pytest.fixture
def fake_package(tmp_path, monkeypatch):
    """A mamba-ssm whose extension for Mamba-1 was not built."""
    folder = tmp_path / "mamba_ssm" / "ops" / "triton"
    folder.mkdir(parents=True)
    (tmp_path / "mamba_ssm" / "__init__.py").write_text("import selective_scan_cuda\n")
    (folder / "ssd_combined.py").write_text("def mamba_chunk_scan_combined(): return 'scan'\n")
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield folder
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.mark.usefixtures("fake_package")
def test_the_scan_loads_without_mamba_1s_extension():
    found = kernels._combined.__wrapped__()
    assert found() == "scan"


def test_a_broken_scan_is_no_scan_and_leaves_nothing_behind(fake_package, caplog):
    (fake_package / "ssd_combined.py").write_text("import a_missing_compiler\n")
    with caplog.at_level("INFO"):
        assert kernels._combined.__wrapped__() is None
    assert "a_missing_compiler" in caplog.text
    assert "mamba_ssm" not in sys.modules


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("sequences", "headdim"), [(38, 8), (5000, 4)])
def test_kernels_equal_the_plain_scan_on_a_gpu(dtype, sequences, headdim):
    if not kernels.available():
        pytest.skip("mamba-ssm does not load here")
    x, dt, A, B, C, D, _ = (tensor.cuda() for tensor in draw(sequences, 960))
    x = x.expand(-1, -1, -1, headdim).to(dtype).contiguous()
    B, C = B.to(dtype), C.to(dtype)
    x.requires_grad_()
    results = []
    for scan in (kernels.launch_scan, chunked):
        y, state = scan(x, dt, A, B, C, D)
        (grad,) = torch.autograd.grad(y.float().square().sum() + state.square().sum(), x)
        results.append([tensor.detach().float() for tensor in (y, state, grad)])
    tolerance = 2e-3 if dtype == torch.float32 else 3e-2
    for got, want in zip(*results, strict=True):
        assert (got - want).abs().max() < tolerance * want.abs().max()


def test_a_tensor_on_the_cpu_is_refused_by_name():
    with pytest.raises(InvalidInput, match="model.scan=auto"):
        kernels.scan(*draw(1, 4))
