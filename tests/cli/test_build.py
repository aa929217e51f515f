"""Only known homes may be built from configuration."""

from importlib import import_module

import pytest
from omegaconf import OmegaConf

from brainbrr.cli.build import build, build_each
from brainbrr.cli.renamed import TARGETS
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.data.windows.augmentation import Sequential
from brainbrr.errors import InvalidOption, Unavailable
from brainbrr.events.detection import Detection
from brainbrr.training.callbacks.monitoring import LossSpikeMonitor

DETECTION = "brainbrr.events.detection.Detection"


def test_builds_what_the_node_describes() -> None:
    assert build(
        OmegaConf.create({"_target_": DETECTION, "on_threshold": 0.7, "off_threshold": 0.2})
    ) == Detection(0.7, 0.2)


@pytest.mark.parametrize("target", ["os.system", "brainbrr_evil.run", "builtins.eval"])
def test_foreign_targets_are_refused_wherever_they_hide(target: str) -> None:
    node = OmegaConf.create(
        {"_target_": DETECTION, "on_threshold": [{"deep": {"_target_": target}}]}
    )
    with pytest.raises(InvalidOption, match=target):
        build(node)


def test_misspelt_value_says_which() -> None:
    with pytest.raises(InvalidOption, match="onn"):
        build(OmegaConf.create({"_target_": DETECTION, "onn": 0.7}))


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(self: Detection) -> None:
        raise ModuleNotFoundError("No module named 'absent'")

    monkeypatch.setattr(Detection, "__post_init__", lacking)
    with pytest.raises(Unavailable, match=r"Detection needs a package: No module named 'absent'"):
        build(OmegaConf.create({"_target_": DETECTION}))


def test_a_refusal_of_the_built_class_comes_through() -> None:
    with pytest.raises(InvalidOption, match="off 0.9"):
        build(OmegaConf.create({"_target_": DETECTION, "on_threshold": 0.5, "off_threshold": 0.9}))


def test_groups_build_in_order_without_the_null_ones() -> None:
    nodes = OmegaConf.create({"a": {"_target_": DETECTION}, "b": None})
    assert build_each(nodes) == [Detection()]
    assert build_each(None) == []


def test_every_former_target_has_a_present_one() -> None:
    for present in TARGETS.values():
        module, name = present.rsplit(".", 1)
        assert hasattr(import_module(module), name), present


def test_a_stored_configuration_of_a_former_version_builds() -> None:
    node = OmegaConf.create(
        {
            "_target_": "brainbrr.data.augmentation.Sequential",
            "changes": [{"_target_": "brainbrr.data.augmentation.Gain", "max_db": 3.0}],
        }
    )
    assert isinstance(build(node), Sequential)


def test_an_option_of_a_former_version_reaches_its_present_name() -> None:
    node = OmegaConf.create(
        {
            "_target_": "brainbrr.training.callback_set.CallbackSet",
            "validation": None,
            "checkpoints": None,
            "spike_watch": {"_target_": "brainbrr.training.monitoring.SpikeWatch", "factor": 4.0},
        }
    )
    monitor = build(node).loss_spike_monitor
    assert isinstance(monitor, LossSpikeMonitor) and monitor.factor == 4.0


@pytest.mark.parametrize(("former", "present"), [("native", "c"), ("auto", "auto")])
def test_a_form_of_the_scan_under_its_former_name_is_the_present_one(former, present) -> None:
    node = OmegaConf.load(CONF_FOLDER / "model" / "v3.yaml")
    node.scan = former
    assert build(node).node_stream.layers[0].layer.forwards.scan == present


def test_an_option_that_went_is_dropped_with_its_only_value_and_refused_with_another() -> None:
    node = {"_target_": "brainbrr.training.validation.Validation", "_partial_": True}
    stored = OmegaConf.create({**node, "every_n_epochs": 2, "trace_rate_hz": 16.0})
    assert build(stored).keywords == {"every_n_epochs": 2}
    with pytest.raises(InvalidOption, match="expected trace_rate_hz=16.0 .* got 8.0"):
        build(OmegaConf.create({**node, "trace_rate_hz": 8.0}))
