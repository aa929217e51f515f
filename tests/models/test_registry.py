from pathlib import Path

import pytest
from omegaconf import OmegaConf

import brainbrr
from brainbrr.errors import InvalidOption
from brainbrr.models.registry import (
    FAMILIES,
    build_model,
    describe_model,
    family_of,
    load_model,
    read_model,
)

CONF = Path(__file__).resolve().parents[2] / "conf" / "model"
ENTRIES = sorted(path.stem for path in CONF.glob("*.yaml"))


def test_overrides_reach_the_network():
    model = load_model("v3_tiny", node_layers=3, prior=0.5)
    assert len(model.node_stream.layers) == 3
    assert model.head.read.bias.item() == 0.0


def test_the_package_offers_it():
    assert brainbrr.load_model is load_model


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_hold_plain_values_only(name):
    family, numbers = read_model(name)
    assert family in FAMILIES
    plain = (int, float, str, bool)
    flat = [
        v for value in numbers.values() for v in (value if isinstance(value, list) else [value])
    ]
    assert all(isinstance(value, plain) for value in flat)


@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_explains_its_numbers(name):
    lines = (CONF / f"{name}.yaml").read_text().splitlines()
    assert lines[0].startswith("# ")


def test_every_size_of_v3_has_the_same_numbers():
    keys = {name: list(read_model(name)[1]) for name in ENTRIES if "v3" in name}
    assert all(found == keys["v3"] for found in keys.values())


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"stream": "bigru"}, "BiGru"),
        ({"stream": "attention", "edge_headdim": 4}, "RotaryAttention"),
        ({"graph_convolution": "GCNConv"}, "GeometricConvolution"),
        ({"eigensolver": "jacobi"}, "V3Detector"),
        ({"skip_connections": True}, "V3Detector"),
    ],
)
@pytest.mark.usefixtures("geometric")
def test_every_option_builds_and_learns(changes, part):
    import torch

    torch.manual_seed(0)
    model = load_model("v3_tiny", **changes)
    assert any(type(module).__name__ == part for module in model.modules())
    model(torch.randn(1, 19, 320)).square().sum().backward()
    dead = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert dead == {"front.absent.value"}


def test_unknown_model_is_refused():
    with pytest.raises(InvalidOption, match="'v3_smal'. Did you mean v3_small?"):
        load_model("v3_smal")


def test_unknown_family_is_refused():
    with pytest.raises(InvalidOption, match="one of v3, unet_bimamba; got 'os.system'"):
        build_model("os.system")


def test_unknown_target_is_refused():
    with pytest.raises(InvalidOption, match="a target among.*'os.system'"):
        family_of("os.system")


def test_misspelt_number_is_refused():
    with pytest.raises(InvalidOption, match="'node_layer'. Did you mean node_layers?"):
        load_model("v3_tiny", node_layer=3)


def test_missing_number_is_refused():
    family, numbers = read_model("v3_tiny")
    del numbers["prior"]
    with pytest.raises(InvalidOption, match="none for prior"):
        build_model(family, **numbers)


def test_a_release_of_a_former_version_names_the_scan_as_it_was():
    family, numbers = read_model("v3_tiny")
    model = build_model(family, **numbers | {"scan": "native"})
    assert model.node_stream.layers[0].layer.forwards.scan == "c"
    entry = OmegaConf.to_container(OmegaConf.load(CONF / "v3.yaml")) | {"scan": "fused"}
    assert describe_model(entry)["scan"] == "triton"
