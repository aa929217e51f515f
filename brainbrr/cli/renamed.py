"""Names of former versions that stored configurations still hold, and what they are called now."""

from typing import Any

from brainbrr.errors import InvalidOption
from brainbrr.models.registry import FORMER_SCANS

TARGETS = {
    "brainbrr.data.artefact_augmentation.AddArtefact": "brainbrr.data.windows.artefact_augmentation.AddArtefact",
    "brainbrr.data.augmentation.BandStop": "brainbrr.data.windows.filter_augmentation.BandStop",
    "brainbrr.data.augmentation.ChannelDropout": "brainbrr.data.windows.augmentation.ChannelDropout",
    "brainbrr.data.augmentation.Gain": "brainbrr.data.windows.augmentation.Gain",
    "brainbrr.data.augmentation.Mirror": "brainbrr.data.windows.augmentation.Mirror",
    "brainbrr.data.augmentation.Sequential": "brainbrr.data.windows.augmentation.Sequential",
    "brainbrr.data.augmentation.TimeShift": "brainbrr.data.windows.augmentation.TimeShift",
    "brainbrr.data.corpora.bids.find_recordings": "brainbrr.data.corpora.layouts.bids.find_recordings",
    "brainbrr.data.corpora.chbmit.find_recordings": "brainbrr.data.corpora.layouts.chbmit.find_recordings",
    "brainbrr.data.corpora.folder.find_recordings": "brainbrr.data.corpora.layouts.folder.find_recordings",
    "brainbrr.data.corpora.recognised.find_recordings": "brainbrr.data.corpora.layouts.detect_layout.find_recordings",
    "brainbrr.data.corpora.siena.find_recordings": "brainbrr.data.corpora.layouts.siena.find_recordings",
    "brainbrr.data.corpora.tusz.find_recordings": "brainbrr.data.corpora.layouts.tusz.find_recordings",
    "brainbrr.data.loader.LoaderOptions": "brainbrr.data.windows.loader.LoaderOptions",
    "brainbrr.data.preparation.Preparation": "brainbrr.data.preparation.preparation.Preparation",
    "brainbrr.data.prepare_corpus.prepare_corpus": "brainbrr.data.corpora.prepare_corpus.prepare_corpus",
    "brainbrr.data.sampler.Balance": "brainbrr.data.windows.sampler.Balance",
    "brainbrr.data.split.by_fold": "brainbrr.data.corpora.split.by_fold",
    "brainbrr.data.split.by_fractions": "brainbrr.data.corpora.split.by_fractions",
    "brainbrr.data.split.by_leaving_out": "brainbrr.data.corpora.split.by_leaving_out",
    "brainbrr.data.window_index.Windowing": "brainbrr.data.windows.index.Windowing",
    "brainbrr.data.windows.augmentation.BandStop": "brainbrr.data.windows.filter_augmentation.BandStop",
    "brainbrr.training.callbacks.monitoring.SpikeWatch": "brainbrr.training.callbacks.monitoring.LossSpikeMonitor",
    "brainbrr.training.callbacks.pruning.Pruning": "brainbrr.sweeps.study.pruning_callback",
    "brainbrr.training.pruning.Pruning": "brainbrr.sweeps.study.pruning_callback",
    "brainbrr.training.callback_set.CallbackSet": "brainbrr.training.callbacks.callback_set.CallbackSet",
    "brainbrr.training.checkpoints.DurableCheckpoints": "brainbrr.training.callbacks.checkpoints.DurableCheckpoints",
    "brainbrr.training.early_stopping.EarlyStopping": "brainbrr.training.callbacks.early_stopping.EarlyStopping",
    "brainbrr.training.ema.Ema": "brainbrr.training.callbacks.ema.Ema",
    "brainbrr.training.finite_guard.FiniteGuard": "brainbrr.training.callbacks.finite_guard.FiniteGuard",
    "brainbrr.training.hard_negatives.HardNegatives": "brainbrr.training.callbacks.hard_negatives.HardNegatives",
    "brainbrr.training.metrics_file.MetricsFile": "brainbrr.training.callbacks.metrics_file.MetricsFile",
    "brainbrr.training.monitoring.Monitoring": "brainbrr.training.callbacks.monitoring.Monitoring",
    "brainbrr.training.monitoring.SpikeWatch": "brainbrr.training.callbacks.monitoring.LossSpikeMonitor",
    "brainbrr.training.preemption.Preemption": "brainbrr.training.callbacks.preemption.Preemption",
    "brainbrr.training.progress.ProgressLine": "brainbrr.training.callbacks.progress.ProgressLine",
    "brainbrr.training.validation_figures.ValidationFigures": "brainbrr.training.callbacks.validation_figures.ValidationFigures",
}
"""`_target_` of runs trained before the package had its present rooms."""

OPTIONS = {
    "reading": "tiling",
    "callbacks.spike_watch": "callbacks.loss_spike_monitor",
    "quantise": "quantize",
    "szcore.licence": "szcore.license",
    "hydra.launcher.bring_home": "hydra.launcher.download",
    "hydra.launcher.bring_home_mb": "hydra.launcher.download_mb",
}
"""Former names of options."""

_KEYS = {former.rpartition(".")[2]: name.rpartition(".")[2] for former, name in OPTIONS.items()}

VALUES: dict[str, dict[str, str]] = {
    "_target_": TARGETS,
    "scan": FORMER_SCANS,
    "tiling": {"encode_once": "long"},
}
"""Former values of options, by the option's present name."""

REMOVED_ARGUMENTS: dict[tuple[Any, Any], Any] = {
    ("brainbrr.training.validation.Validation", "trace_rate_hz"): 16.0,
    ("brainbrr.scoring.corpus.score_corpus", "n_curve_points"): None,
}
"""Arguments that a target no longer takes, and the only value they may have had; None for any."""

REMOVED_OPTIONS = frozenset(
    {"model_settings", "signal.n_electrodes", "hardware.meant_for", "scoring.n_curve_points"}
)
"""Options that do not change what a run computes, in configurations of some version."""


def current(node: Any) -> Any:
    """Return plain values of a stored configuration under their present names.

    Raises:
        InvalidOption: an argument that was removed, with another value than the one still computed.
    """
    if isinstance(node, list):
        return [current(child) for child in node]
    if not isinstance(node, dict):
        return node
    target = TARGETS.get(str(node.get("_target_")), node.get("_target_"))
    renamed = {}
    for former, value in node.items():
        key = _KEYS.get(former, former)
        if (target, key) in REMOVED_ARGUMENTS:
            _require_only_value(target, key, value)
            continue
        renamed[key] = VALUES[key].get(value, value) if key in VALUES else current(value)
    return renamed


def _require_only_value(target: Any, key: Any, value: Any) -> None:
    only = REMOVED_ARGUMENTS[target, key]
    if only is not None and value != only:
        raise InvalidOption(
            f"{key}={only} of {target}", f"{value}", "The option was removed: leave it out."
        )


def rename_arguments(arguments: list[str]) -> list[str]:
    """Replace former names of options and values on the command line by their present names."""
    return [_rename_argument(argument) for argument in arguments]


def _rename_argument(argument: str) -> str:
    option, equals, value = argument.partition("=")
    for former, name in OPTIONS.items():
        if option == former or option.startswith(f"{former}."):
            option = name + option.removeprefix(former)
            break
    values = VALUES.get(option.rpartition(".")[2], {})
    return option + equals + ",".join(values.get(each, each) for each in value.split(","))
