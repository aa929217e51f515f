"""Train seizure detectors; the only home of Lightning.

    manifest + cache -> WindowDataModule -> SeizureModule -> Trainer + callbacks -> checkpoints
                                                                 |
                            Validation: traces -> events -> scores, tuned thresholds

`train` runs all of it, as `brainbrr train` does: resumable, guarded, validated by events. The parts
are plain Lightning classes, and work without the rest:

    import lightning

    import brainbrr

    data = brainbrr.WindowDataModule("cache")  # the folder of a prepared corpus
    loss = brainbrr.FocalLoss().for_seizure_fraction(data.seizure_fraction)
    module = brainbrr.SeizureModule(brainbrr.load_model("v3_tiny"), loss)

    trainer = lightning.Trainer(max_epochs=1, limit_train_batches=4)
    trainer.fit(module, data)  # logs val/loss after each epoch
    trainer.test(module, data)  # logs test/loss
    trainer.save_checkpoint("tiny.ckpt")

    again = brainbrr.SeizureModule.load_from_checkpoint(
        "tiny.ckpt", network=brainbrr.load_model("v3_tiny")
    )
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "train": "fit",
    "FitResult": "fit",
    "SeizureModule": "module",
    "WindowDataModule": "datamodule",
    "TrainerOptions": "trainer_options",
    "Validation": "validation",
    "EventScore": "event_score",
    "BinaryCrossEntropy": "losses",
    "FocalLoss": "losses",
    "TverskyLoss": "losses",
    "load_pretrained": "parameters",
}
__all__ = [*_HOMES]  # noqa: PLE0604  the names are those of the lazy table


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: Lightning takes seconds to load."""
    if name not in _HOMES:
        raise AttributeError(f"module 'brainbrr.training' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
