import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import InvalidOption
from brainbrr.training.losses import (
    BinaryCrossEntropy,
    FocalLoss,
    TverskyLoss,
    positive_weight_of,
)

LOSSES = [BinaryCrossEntropy(), FocalLoss(), TverskyLoss()]
ONE = torch.ones(1, 1)


def cross_entropy(logit, label):
    """Binary cross-entropy of one sample in exact arithmetic of floats: log1p(exp(-x))."""
    x = logit if label else -logit
    return math.log1p(math.exp(-x)) if x > 0 else -x + math.log1p(math.exp(x))


@given(st.floats(-60, 60), st.booleans())
def test_cross_entropy_is_exact_at_any_logit(logit, label):
    loss = BinaryCrossEntropy()(torch.tensor([[logit]]), torch.tensor([[label]]), ONE)
    expected = cross_entropy(float(torch.tensor(logit)), label)
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-30)


@given(st.floats(-40, 40), st.booleans(), st.floats(0, 5))
def test_focal_loss_is_cross_entropy_times_how_wrong_it_is(logit, label, gamma):
    logit = float(torch.tensor(logit))
    loss = FocalLoss(alpha=0.25, gamma=gamma)(torch.tensor([[logit]]), torch.tensor([[label]]), ONE)
    x = logit if label else -logit
    wrong = math.exp(-x) / (1 + math.exp(-x)) if x > 0 else 1 / (1 + math.exp(x))
    expected = (0.25 if label else 0.75) * wrong**gamma * cross_entropy(logit, label)
    assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-37)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("logit", [-1e4, -40.0, 0.0, 40.0, 1e4])
@pytest.mark.parametrize("label", [False, True])
def test_loss_and_gradient_are_finite_however_sure_the_network_is(loss, logit, label):
    logits = torch.full((1, 4), logit, requires_grad=True)
    value = loss(logits, torch.full((1, 4), label), torch.ones(1, 4))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(logits.grad).all()


def test_a_sure_mistake_at_40_costs_40_and_pulls_with_full_force():
    logits = torch.tensor([[-40.0]], requires_grad=True)
    loss = BinaryCrossEntropy()(logits, torch.tensor([[True]]), ONE)
    loss.backward()
    assert loss.item() == 40.0 and logits.grad.item() == -1.0


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_padding_counts_nothing(loss):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((3, 50), generator=generator)
    label = torch.rand((3, 50), generator=generator) > 0.5
    weight = torch.ones(3, 50)
    weight[:, 30:] = 0
    padded = logits.clone()
    padded[:, 30:] = 1e3
    expected = loss(logits[:, :30], label[:, :30], weight[:, :30])
    assert torch.allclose(loss(padded, label, weight), expected)
    assert loss(logits, label, torch.zeros(3, 50)).isfinite()


def test_weights_scale_a_sample_s_share():
    logits, label = torch.tensor([[1.0, -2.0]]), torch.tensor([[True, True]])
    one, other = (cross_entropy(x, True) for x in (1.0, -2.0))
    loss = BinaryCrossEntropy()(logits, label, torch.tensor([[3.0, 1.0]]))
    assert loss.item() == pytest.approx((3 * one + other) / 4)


def test_positive_weight_comes_from_the_sampled_share_unless_given():
    assert positive_weight_of(0.2) == pytest.approx(2.0)
    assert FocalLoss().for_seizure_fraction(0.2).positive_weight == pytest.approx(2.0)
    assert FocalLoss(positive_weight=1.0).for_seizure_fraction(0.2).positive_weight == 1.0
    assert TverskyLoss().for_seizure_fraction(0.2) == TverskyLoss()
    weighted = BinaryCrossEntropy(positive_weight=2.0)
    label = torch.tensor([[True, False]])
    loss = weighted(torch.zeros(1, 2), label, torch.ones(1, 2))
    assert loss.item() == pytest.approx(1.5 * math.log(2))


def test_boundary_samples_weigh_less():
    label = torch.zeros(1, 40, dtype=torch.bool)
    label[:, 20:] = True
    wrong = torch.where(label, -5.0, 5.0)
    right = -wrong
    near = torch.zeros(1, 40, dtype=torch.bool)
    near[:, 18:22] = True
    loss = BinaryCrossEntropy(boundary_s=1.0, boundary_weight=0.0, rate_hz=2.0)
    assert loss(torch.where(near, wrong, right), label, torch.ones(1, 40)) < 0.01
    assert loss(torch.where(near, right, wrong), label, torch.ones(1, 40)) > 4.0


def test_dice_is_a_special_case_of_tversky():
    label = torch.tensor([[True, True, False, False]])
    logits = torch.tensor([[50.0, -50.0, 50.0, -50.0]])
    dice = TverskyLoss(miss_weight=0.5, alarm_weight=0.5, smooth=1e-9, cross_entropy=0.0)
    assert dice(logits, label, torch.ones(1, 4)).item() == pytest.approx(0.5)
    misses = TverskyLoss(miss_weight=0.9, alarm_weight=0.1, smooth=1e-9, cross_entropy=0.0)
    missed, alarmed = torch.full((1, 4), -50.0), torch.full((1, 4), 50.0)
    weight = torch.ones(1, 4)
    assert misses(missed, label, weight) > misses(alarmed, label, weight)


def test_impossible_settings_are_refused():
    with pytest.raises(InvalidOption, match="alpha from 0 to 1"):
        FocalLoss(alpha=1.5)
    with pytest.raises(InvalidOption, match="smooth above 0"):
        TverskyLoss(smooth=0.0)
