"""The device a command computes on."""

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
        raise Unavailable(f"one of auto, {usable}", name, "Use device=auto.")
    return name


def use_threads(n_threads: int | None) -> None:
    """Compute with that many CPU threads; None keeps torch's default."""
    import torch

    if n_threads is not None:
        torch.set_num_threads(n_threads)
