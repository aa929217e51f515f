"""Scalp EEG in, seizure events out: train, score and ship seizure detectors. For research; not a
medical device."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "load_model": "brainbrr.models.registry",
    "load_detector": "brainbrr.export.load",
    "open_stream": "brainbrr.streaming.detector_stream",
    "read_recording": "brainbrr.data.recordings.read",
    "score": "brainbrr.scoring.folders",
    "Annotation": "brainbrr.events.annotation",
    "Event": "brainbrr.events.event",
    "Trace": "brainbrr.events.trace",
    "Recording": "brainbrr.data.recordings.recording",
    "SeizureModule": "brainbrr.training.module",
    "WindowDataModule": "brainbrr.training.datamodule",
    "FocalLoss": "brainbrr.training.losses",
    "Windowing": "brainbrr.data.windows.index",
    "LoaderOptions": "brainbrr.data.windows.loader",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  the names are those of the lazy table


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used, so that `import brainbrr` costs
    nothing; before that, let threads sleep while they wait, as the commands do."""
    if name not in _HOMES:
        raise AttributeError(f"module 'brainbrr' has no attribute {name!r}")
    import_module("brainbrr.idle_threads").let_idle_threads_sleep()
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
