"""Which device a command computes on."""

from brainbrr.errors import BrainbrrError


class NoSuchDevice(BrainbrrError):
    """A device this machine does not have."""


def choose_device(name: str) -> str:
    """`auto` as the best device there is; any other name checked to exist.

    Raises:
        NoSuchDevice: torch cannot use the device here.
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
        usable = ", ".join(device for device, there in available.items() if there)
        raise NoSuchDevice(f"one of auto, {usable}", name, "Leave device=auto to let it be found.")
    return name


def use_threads(n_threads: int | None) -> None:
    """Compute on that many processor threads; None leaves torch's own choice."""
    import torch

    if n_threads is not None:
        torch.set_num_threads(n_threads)
