"""The device a command computes on."""

from omegaconf import DictConfig

from brainbrr.errors import Unavailable


def choose_device(name: str) -> str:
    """Return the best available device for `auto`, otherwise the name if it is available.

    Raises:
        Unavailable: torch cannot use the device here.
    """
    import torch

    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if available[device])
    if not available.get(name.split(":", maxsplit=1)[0], False):
        usable = ", ".join(device for device, exists in available.items() if exists)
        raise Unavailable(f"a device of {usable}", name, "Correct device= or hardware=.")
    return name


def use_profile(cfg: DictConfig, n_threads: int | None = None) -> str:
    """Apply the settings of torch in the hardware profile and return the device to compute on: the
    profile's, unless `device=` names another.

    Args:
        n_threads: CPU threads; None for the profile's.

    Raises:
        Unavailable: torch cannot use the device here.
    """
    from brainbrr.training.hardware import apply_settings

    accelerator = {"gpu": "cuda"}.get(cfg.trainer.accelerator, cfg.trainer.accelerator)
    device = choose_device(accelerator if cfg.device == "auto" else cfg.device)
    apply_settings(
        mps_memory_fraction=cfg.hardware.mps_memory_fraction,
        n_threads=n_threads or cfg.hardware.n_threads,
    )
    return device
