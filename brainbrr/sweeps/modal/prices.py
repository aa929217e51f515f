"""What an hour of a container costs, by the price table of the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brainbrr.errors import BrainbrrError

HOUR_S = 3600.0


class UnknownGpu(BrainbrrError):
    """A GPU that the price table does not have."""


@dataclass(frozen=True)
class Prices:
    """US dollars an hour.

    Attributes:
        gpu: of each GPU type.
        cpu_core: of one processor core.
        memory_gib: of one GiB of memory.
    """

    gpu: Mapping[str, float]
    cpu_core: float
    memory_gib: float

    def hour(self, gpu: str | None, *, cpu: float, memory_gib: float) -> float:
        """An hour of a container with one kind of GPU, `H100` or `H100:4`, or none.

        Raises:
            UnknownGpu: a type without a price.
        """
        base = cpu * self.cpu_core + memory_gib * self.memory_gib
        if gpu is None:
            return base
        name, _, count = gpu.upper().partition(":")
        if name not in self.gpu or not (count or "1").isdigit():
            raise UnknownGpu(
                f"a GPU of sweep.usd_per_hour: {', '.join(self.gpu)}",
                gpu,
                "Correct hydra.launcher.gpu, or add its price.",
            )
        return base + self.gpu[name] * int(count or 1)

    def dearest_hour(self, gpus: Sequence[str], *, cpu: float, memory_gib: float) -> float:
        """An hour of the dearest of several; what a cap has to reckon with.

        Raises:
            UnknownGpu: a type without a price.
        """
        choices: list[str | None] = [*gpus] or [None]
        return max(self.hour(gpu, cpu=cpu, memory_gib=memory_gib) for gpu in choices)
