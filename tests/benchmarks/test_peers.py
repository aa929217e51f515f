"""The peers are the networks they stand for: shapes, sizes, and what each is made of."""

import importlib.util
import sys

import pytest
import torch
from peers import dcrnn, evobrain, predecessor, roster, seizure_transformer
from peers.block_diagonal import block_diagonal
from peers.clip import Clip, random_clips
from peers.mamba1 import Mamba1, scan
from peers.predecessor_loop import V3AsALoop

from brainbrr.models.registry import load_model

SHORT = 320
NEVER_RUN = ("never_run", "unused", "copied")


def clips(batch):
    return random_clips(batch, seconds=4)


def eeg(batch):
    return torch.randn(batch, 19, SHORT)


PEERS = {
    "SeizureTransformer": (seizure_transformer.SeizureTransformer, eeg, (2, SHORT)),
    "EvoBrain": (evobrain.EvoBrain, clips, (2,)),
    "DCRNN": (dcrnn.Dcrnn, clips, (2,)),
    "predecessor": (predecessor.Predecessor, eeg, (2, SHORT)),
    "loop": (V3AsALoop, eeg, (2, SHORT)),
}


@pytest.mark.usefixtures("geometric")
@pytest.mark.parametrize("name", PEERS)
def test_it_answers_in_its_shape_and_learns_everywhere(name):
    torch.manual_seed(0)
    build, inputs, shape = PEERS[name]
    network = build()
    logits = network(inputs(2))
    assert logits.shape == shape
    logits.square().mean().backward()
    for key, parameter in network.named_parameters():
        if key.startswith(NEVER_RUN) or ".unused." in key:
            assert parameter.grad is None, key
        elif not key.endswith("absent.value"):
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key


@pytest.mark.usefixtures("geometric")
def test_parameters_and_arithmetic_are_the_originals():
    entrants, _ = roster.roster()
    written_anew = {name: row for name, row in entrants.items() if row.gflop}
    assert set(written_anew) == {"SeizureTransformer", "EvoBrain", "DCRNN", "predecessor"}
    found = roster.sizes(written_anew)
    assert found["predecessor"]["gflop"] == pytest.approx(110.6, rel=0.01)


def test_a_network_of_another_size_is_not_timed_under_the_name():
    smaller = roster.Entrant(dcrnn.Dcrnn(32), clips, n_parameters=dcrnn.N_PARAMETERS)
    with pytest.raises(AssertionError, match="DCRNN"):
        roster.sizes({"DCRNN": smaller})
    shorter = roster.Entrant(dcrnn.Dcrnn(), clips, gflop=dcrnn.GFLOP)
    with pytest.raises(AssertionError, match="DCRNN"):
        roster.sizes({"DCRNN": shorter})


@pytest.mark.usefixtures("geometric")
def test_v3_as_a_loop_is_v3():
    torch.manual_seed(0)
    network = load_model("v3", semi_dynamic_interval=1).eval()
    loop = V3AsALoop().eval()
    loop.network.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(loop(x := eeg(2)), network(x), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("geometric")
def test_the_loop_runs_nothing_in_c(monkeypatch):
    def refuse(*arguments, **numbers):
        pytest.fail("a fused kernel ran")

    monkeypatch.setattr("brainbrr.kernels.c.operators.norm", refuse)
    V3AsALoop()(eeg(1))


def test_block_diagonal_keeps_frames_apart():
    torch.manual_seed(0)
    adjacency = torch.rand(2, 3, 5, 5) * (torch.rand(2, 3, 5, 5) > 0.5)
    index, weights = block_diagonal(adjacency)
    dense = torch.zeros(30, 30).index_put(tuple(index), weights)
    assert torch.equal(dense, torch.block_diag(*adjacency.flatten(0, 1)))


def test_the_mamba_scan_is_its_recurrence_and_looks_back_only():
    torch.manual_seed(0)
    x, dt = torch.randn(2, 6, 4), torch.rand(2, 6, 4)
    A, B, C = -torch.rand(4, 3), torch.randn(2, 6, 3), torch.randn(2, 6, 3)
    state, expected = torch.zeros(2, 4, 3), []
    for t in range(6):
        state = torch.exp(dt[:, t, :, None] * A) * state
        state = state + dt[:, t, :, None] * x[:, t, :, None] * B[:, t, None]
        expected.append((state * C[:, t, None]).sum(-1))
    torch.testing.assert_close(scan(x, dt, A, B, C), torch.stack(expected, 1))

    network, sequences = Mamba1(8), torch.randn(1, 9, 8)
    changed = sequences.index_fill(1, torch.tensor([5]), 0.0)
    differs = (network(sequences) - network(changed)).abs().amax((0, 2)) > 0
    assert differs.tolist() == [False] * 5 + [True] * 4


def test_evobrain_hears_its_graphs_and_takes_positions_without_gradient():
    torch.manual_seed(0)
    network, clip = evobrain.EvoBrain(), clips(2)
    other = clip._replace(graphs=clip.graphs.flip(-1))
    assert not torch.allclose(network(clip), network(other))
    vectors = evobrain.positions(torch.rand(2, 1, 19, 19, requires_grad=True))
    assert not vectors.requires_grad
    gram = vectors.transpose(-1, -2) @ vectors
    torch.testing.assert_close(gram, torch.eye(16).expand_as(gram), rtol=0, atol=1e-4)


def test_a_clips_answer_does_not_depend_on_the_clips_beside_it():
    torch.manual_seed(0)
    for network in (evobrain.EvoBrain(), dcrnn.Dcrnn()):
        # In double: a young graph's eigenvalues lie close, and float32 turns their vectors.
        both = Clip(*(values.double() for values in clips(2)))
        one = Clip(*(values[:1] for values in both))
        network = network.double()
        torch.testing.assert_close(network(both)[:1], network(one))


def test_diffusion_walks_both_ways_and_holds_two_polynomials():
    torch.manual_seed(0)
    along, against = dcrnn.random_walks(torch.rand(1, 19, 19))
    torch.testing.assert_close(along.sum(-1), torch.ones(1, 19))
    assert ((along > 0).sum(-1) == dcrnn.N_NEIGHBOURS).all()
    assert torch.equal(along > 0, (against > 0).transpose(-1, -2))
    nodes = torch.randn(1, 19, 4)
    seen = dcrnn.diffuse(nodes, (along, against)).split(4, -1)
    assert len(seen) == 5
    torch.testing.assert_close(seen[2], 2 * along @ along @ nodes - nodes)


@pytest.mark.usefixtures("geometric")
def test_the_predecessor_answers_in_steps_of_a_frame():
    logits = predecessor.Predecessor().eval()(eeg(1)).unflatten(1, (-1, 16))
    assert torch.equal(logits, logits[..., :1].expand_as(logits))
    assert not torch.equal(logits[:, 1:], logits[:, :-1])


def test_who_is_absent_is_named_with_the_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "braindecode", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    entrants, absent = roster.roster()
    assert set(absent) == {*roster.BRAINDECODE_HZ, roster.PREDECESSOR, roster.LOOP}
    assert not set(absent) & set(entrants)
    assert absent["USleep"] == "pip install braindecode"
    assert absent[roster.LOOP] == "pip install torch-geometric"


def test_a_braindecode_that_cannot_load_its_library_is_absent(monkeypatch, tmp_path):
    broken = tmp_path / "braindecode"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise OSError('Could not load this library: x.so')")
    monkeypatch.delitem(sys.modules, "braindecode", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    entrants, absent = roster.of_braindecode()
    assert not entrants
    assert set(absent) == set(roster.BRAINDECODE_HZ)
    assert all("torchaudio" in reason for reason in absent.values())
