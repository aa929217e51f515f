"""What every entry of `conf/model` promises, on short windows."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from brainbrr.errors import InvalidInput
from brainbrr.models.input_checks import NonFiniteInput
from brainbrr.models.registry import load_model
from brainbrr.models.scaling import standardize

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml"))
SAMPLES = 16 * 24
SHALLOWER = {"unet_bimamba": {"layers": 2}}
"""Six layers of the same kind promise nothing that two do not, and take three times as long."""


def load(name, **changes):
    """The entry as a user gets it, but for repeated layers."""
    return load_model(name, **SHALLOWER.get(name, {}) | changes)


@pytest.fixture(scope="module", params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    torch.manual_seed(0)
    return load(name).eval()


@pytest.fixture
def eeg():
    return torch.randn(3, 19, SAMPLES, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def observed():
    """Every electrode absent in one window or another, never all."""
    mask = torch.ones(3, 19, dtype=torch.bool)
    mask[0, ::3] = mask[1, 1::3] = mask[2, 2::3] = False
    return mask


def test_one_logit_for_each_sample(model, eeg):
    logits = model(eeg)
    assert logits.shape == (3, SAMPLES)
    assert logits.dtype == torch.float32 and logits.isfinite().all()


@pytest.mark.parametrize("samples", [16, 16 * 7])
def test_any_whole_number_of_frames(model, eeg, samples):
    assert model(eeg[..., :samples]).shape == (3, samples)


def test_every_parameter_receives_a_gradient(model, eeg, observed):
    model.zero_grad()
    weight = torch.randn(3, SAMPLES, generator=torch.Generator().manual_seed(2))
    (model(eeg, observed) * weight).sum().backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead


def test_the_same_twice(model, eeg, observed):
    assert torch.equal(model(eeg, observed), model(eeg, observed))


def test_a_window_does_not_depend_on_its_neighbours(model, eeg, observed):
    together = model(eeg, observed)
    for i in range(3):
        alone = model(eeg[i : i + 1], observed[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], atol=2e-4, rtol=0)


def test_what_an_absent_electrode_holds_is_not_read(model, eeg, observed):
    changed = torch.where(observed[..., None], eeg, 7.0)
    assert torch.equal(model(eeg, observed), model(changed, observed))


def test_absent_is_not_the_same_as_flat(model, eeg, observed):
    flat = torch.where(observed[..., None], eeg, 0.0)
    assert (model(flat) - model(flat, observed)).abs().max() > 1e-4


def test_logits_begin_at_the_prior(name, eeg):
    torch.manual_seed(0)
    logits = load(name, prior=0.02).eval()(eeg).detach()
    assert abs(float(logits.mean()) - math.log(0.02 / 0.98)) < 0.3
    assert 1e-3 < float(logits.std()) < 0.5


@pytest.mark.parametrize(
    "signal",
    [
        torch.zeros(2, 19, SAMPLES),
        torch.full((2, 19, SAMPLES), 20.0),
        torch.randn(2, 19, SAMPLES, generator=torch.Generator().manual_seed(3)) * 1e4,
        torch.eye(19)[None, :, [0] * SAMPLES].expand(2, -1, -1) * 1e4,
    ],
    ids=["flat", "saturated", "huge", "one huge"],
)
def test_extreme_input_stays_finite_forward_and_backward(model, signal):
    model.zero_grad()
    logits = model(signal)
    logits.mean().backward()
    assert logits.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_steps_of_ten_thousand_microvolts_stay_finite(model):
    steps = torch.randint(-32767, 32767, (2, 19, SAMPLES), dtype=torch.int16)
    everyone = torch.ones(2, 19, dtype=torch.bool)
    scaled = standardize(steps, everyone, torch.zeros(2, 19), torch.full((2, 19), 0.01))
    assert model(scaled, everyone).isfinite().all()


def test_bfloat16_autocast_is_finite_and_near(model, eeg, observed):
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(eeg, observed)
    assert logits.dtype == torch.float32
    # bfloat16 keeps 2**-9 of each product; neighbours may change where two ties are that close.
    assert (logits - model(eeg, observed)).abs().max() < 0.5


def test_the_plain_scans_give_the_same_logits(name, model, eeg, observed):
    others = [load(name, scan=mode).eval() for mode in ("chunked", "reference")]
    for other in others:
        other.load_state_dict(model.state_dict(), strict=True)
        torch.testing.assert_close(
            other(eeg[..., :128], observed), model(eeg[..., :128], observed), atol=5e-4, rtol=0
        )


def test_recomputing_the_streams_changes_no_gradient(name, model, eeg, observed):
    other = load(name, recompute=True, stream_dropout=0.0)
    other.load_state_dict(model.state_dict(), strict=True)
    # Only the streams are put in training mode: dropout elsewhere would differ.
    other.eval()
    for module in other.modules():
        if hasattr(module, "recompute"):
            module.training = True
    for network in (model, other):
        network.zero_grad()
        network(eeg, observed).square().sum().backward()
    for (parameter, mine), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, msg=parameter)


REFUSALS = {
    "18 electrodes": (lambda x: (x[:, :18], None), InvalidInput, r"\(batch, 19, samples\)"),
    "no batch axis": (lambda x: (x[0], None), InvalidInput, r"\(batch, 19, samples\)"),
    "no window": (lambda x: (x[:0], None), InvalidInput, r"got \(0, 19"),
    "half a frame": (lambda x: (x[..., :100], None), InvalidInput, "multiple of 16.*got 100"),
    "no sample": (lambda x: (x[..., :0], None), InvalidInput, "multiple of 16.*got 0"),
    "steps": (lambda x: (x.to(torch.int16), None), InvalidInput, "int16.*standardize"),
    "NaN": (
        lambda x: (x.index_fill(0, torch.tensor(1), torch.nan), None),
        NonFiniteInput,
        r"\[1\]",
    ),
    "infinity": (lambda x: (x / 0.0, None), NonFiniteInput, r"windows \[0, 1, 2\]"),
    "number mask": (lambda x: (x, torch.ones(3, 19)), InvalidInput, "boolean mask.*float32"),
    "short mask": (
        lambda x: (x, torch.ones(3, 18, dtype=torch.bool)),
        InvalidInput,
        r"mask of shape \(3, 19\); got \(3, 18\)",
    ),
    "all absent": (
        lambda x: (
            x,
            torch.eye(3, 19, dtype=torch.bool).roll(1, 0) & (torch.arange(3) != 2)[:, None],
        ),
        InvalidInput,
        r"none in windows \[2\]",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_is_refused_at_the_door(model, eeg, case):
    spoil, refusal, message = REFUSALS[case]
    with pytest.raises(refusal, match=message):
        model(*spoil(eeg))


SECOND_PROCESS = """
import sys, torch
from brainbrr.models.registry import load_model
for name in sys.argv[2:]:
    saved = torch.load(f"{sys.argv[1]}/{name}.pt", weights_only=True)
    model = load_model(name, **(dict(layers=2) if name == "unet_bimamba" else {})).eval()
    model.load_state_dict(saved["state"], strict=True)
    logits = model(saved["eeg"], saved["observed"])
    print(name, float((logits - saved["logits"]).abs().max()))
"""


def test_weights_travel_to_a_fresh_process(tmp_path, eeg, observed):
    for name in MODELS:
        torch.manual_seed(4)
        model = load(name).eval()
        logits = model(eeg, observed).detach()
        saved = {"state": model.state_dict(), "eeg": eeg, "observed": observed, "logits": logits}
        torch.save(saved, tmp_path / f"{name}.pt")
    command = [sys.executable, "-c", SECOND_PROCESS, str(tmp_path), *MODELS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    differences = dict(line.split() for line in done.stdout.splitlines())
    assert list(differences) == MODELS
    assert all(float(difference) < 1e-4 for difference in differences.values()), differences


def test_the_order_of_electrodes_matters_unless_they_share_an_encoder(name, model, eeg, observed):
    order = torch.randperm(19, generator=torch.Generator().manual_seed(5))
    moved = model(eeg[:, order], observed[:, order]) - model(eeg, observed)
    spread = model(eeg, observed).std()
    if name == "v3_electrode":
        # Only the electrodes' fixed tie-break between equal patterns knows their order.
        assert moved.abs().max() < 0.3 * spread
    else:
        assert moved.abs().max() > 0.5 * spread


@pytest.mark.slow
def test_a_compiler_reads_the_whole_model_as_one_graph(name, model, eeg, observed):
    other = load(name).eval()
    other.load_state_dict(model.state_dict())
    # The capture is what depends on the model; code generation is torch's own matter.
    compiled = torch.compile(other, backend="eager", fullgraph=True)
    torch.testing.assert_close(
        compiled(eeg[..., :160], observed), model(eeg[..., :160], observed), atol=5e-4, rtol=0
    )
