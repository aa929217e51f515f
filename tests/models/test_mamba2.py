import pytest
import torch
from torch.nn import functional as F

from brainbrr.errors import InvalidOption, Unavailable
from brainbrr.kernels.ops import select_scan
from brainbrr.models.mamba2 import BiMamba2, Mamba2


def block(**changes):
    torch.manual_seed(0)
    return Mamba2(**{"d_model": 16, "d_state": 8, "headdim": 4, "scan": "chunked"} | changes)


def test_state_dict_is_that_of_mamba_ssm():
    shapes = {name: tuple(value.shape) for name, value in block().state_dict().items()}
    assert shapes == {
        "in_proj.weight": (2 * 32 + 2 * 8 + 8, 16),
        "conv1d.weight": (32 + 2 * 8, 1, 4),
        "conv1d.bias": (32 + 2 * 8,),
        "dt_bias": (8,),
        "A_log": (8,),
        "D": (8,),
        "norm.weight": (32,),
        "out_proj.weight": (16, 32),
    }


def test_initial_rates_and_steps_lie_where_mamba_ssm_draws_them():
    layer = block(d_model=256, headdim=1)
    steps = F.softplus(layer.dt_bias)
    assert 1e-3 <= steps.min() < 2e-3 and 0.08 < steps.max() <= 0.1 + 1e-6
    assert 1 <= layer.A_log.exp().min() < 1.5 and 15 < layer.A_log.exp().max() <= 16
    assert all(p._no_weight_decay for p in (layer.dt_bias, layer.A_log, layer.D))


def test_the_block_is_the_published_one():
    """The block written again from the paper's listing, one step and one head at a time."""
    layer, inputs = block().double(), torch.randn(1, 9, 16, dtype=torch.float64)
    z, xbc, dt = (inputs[0] @ layer.in_proj.weight.T).split([32, 48, 8], -1)
    heard = []
    for t in range(9):
        taps = [xbc[t - 3 + k] * layer.conv1d.weight[:, 0, k] for k in range(4) if t - 3 + k >= 0]
        heard.append(F.silu(sum(taps) + layer.conv1d.bias))
    state, outputs = torch.zeros(8, 4, 8, dtype=torch.float64), []
    for t in range(9):
        x, B, C = heard[t][:32].view(8, 4), heard[t][32:40], heard[t][40:]
        step = F.softplus(dt[t] + layer.dt_bias)
        for head in range(8):
            decay = torch.exp(-step[head] * layer.A_log[head].exp())
            state[head] = decay * state[head] + step[head] * torch.outer(x[head], B)
        gated = (state @ C + layer.D[:, None] * x).flatten() * F.silu(z[t])
        scaled = gated / (gated.square().mean() + 1e-5).sqrt() * layer.norm.weight
        outputs.append(layer.out_proj.weight @ scaled)
    torch.testing.assert_close(layer(inputs)[0], torch.stack(outputs))


def test_bidirectional_is_two_directions_by_hand():
    torch.manual_seed(0)
    layer, inputs = BiMamba2(16, d_state=8, headdim=4, scan="chunked"), torch.randn(3, 21, 16)
    by_hand = layer.forwards(inputs) + layer.backwards(inputs.flip(1)).flip(1)
    torch.testing.assert_close(layer(inputs), by_hand)


def test_one_direction_never_sees_the_future():
    layer, inputs = block(), torch.randn(1, 40, 16)
    changed = inputs.clone()
    changed[:, 25:] += 1
    same = torch.isclose(layer(inputs), layer(changed), atol=1e-6).all(-1)[0]
    assert same[:25].all() and not same[25:].any()
    reversed_same = torch.isclose(
        layer(inputs, reverse=True), layer(changed, reverse=True), atol=1e-6
    ).all(-1)[0]
    assert not reversed_same[:25].any()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mode", ["reference", "c"])
def test_every_form_gives_the_same_block(mode, reverse):
    try:
        select_scan(mode)
    except Unavailable as reason:
        pytest.skip(str(reason))
    exact, other = block().double(), block(scan=mode)
    inputs = torch.randn(5, 70, 16)
    want = exact(inputs.double(), reverse=reverse)
    want.square().sum().backward()
    got = other(inputs, reverse=reverse)
    got.square().sum().backward()
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-5)
    for (name, mine), theirs in zip(other.named_parameters(), exact.parameters(), strict=True):
        error = (mine.grad - theirs.grad).abs().max() / theirs.grad.abs().max()
        assert error < 1e-5, name


def test_bfloat16_autocast_stays_near():
    layer, inputs = block(), torch.randn(4, 64, 16)
    with torch.autocast("cpu", torch.bfloat16):
        cast = layer(inputs)
    assert (cast.float() - layer(inputs)).abs().max() < 0.03 * layer(inputs).std() * 10


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"headdim": 8},
            r"32 / headdim to be a multiple of 8; got headdim 8\. Use headdim 1 or 2 or 4",
        ),
        ({"headdim": 5}, "got headdim 5"),
        ({"d_model": 6, "expand": 1}, "Make d_model \\* expand a multiple of 8"),
        ({"d_conv": 5}, "d_conv 2, 3 or 4; got 5"),
    ],
)
def test_sizes_that_would_fail_on_a_gpu_are_refused_here(sizes, message):
    with pytest.raises(InvalidOption, match=message):
        block(**sizes)
