"""A detector's network written down as one graph, scaling and all, for compilers to read.

Axes: eeg (batch, electrodes, samples); the batch is the only axis left open.
"""

import copy
import warnings

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from brainbrr.export.refusals import ExportUnavailable, NotExportable
from brainbrr.inference.detector import Detector
from brainbrr.models.detector import V3Detector
from brainbrr.models.graph import GeometricConvolution
from brainbrr.models.mamba2 import Mamba2
from brainbrr.models.scaling import standardize
from brainbrr.signal.electrodes import N_ELECTRODES

INPUTS = ("eeg", "observed", "center_uv", "scale_uv")
OUTPUT = "probability"
MAX_BATCH = 4096
OLDEST_TORCH = (2, 9)


class StoredWindows(nn.Module):
    """Windows as the cache stores them to probabilities: what every exported form computes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, eeg: Tensor, observed: Tensor, center_uv: Tensor, scale_uv: Tensor) -> Tensor:
        """Probability of each sample `(batch, samples)`; arguments as in `Backend`."""
        scaled = standardize(eeg, observed, center_uv, scale_uv)
        return torch.sigmoid(self.network(scaled, observed).float())


def traceable(detector: Detector) -> StoredWindows:
    """A copy of the network on the CPU with parts a compiler can read; the same numbers.

    Raises:
        NotExportable: a graph convolution whose work depends on the values it sees.
    """
    network = copy.deepcopy(detector.network).cpu().float().eval()
    for module in network.modules():
        if isinstance(module, GeometricConvolution):
            raise NotExportable(
                "graph_convolution=ssg, whose products are the same for every graph",
                f"{type(module.convolution).__name__} of torch_geometric",
                "Train with model.graph_convolution=ssg to export.",
            )
        if isinstance(module, Mamba2):
            module.scan = "chunked"
        if isinstance(module, V3Detector):
            # One operator, for which each format has its own solver.
            module.eigensolver = "eigh"
    return StoredWindows(network).requires_grad_(False)


def traced(detector: Detector) -> ExportedProgram:
    """The network as a graph with an open batch axis.

    Raises:
        ExportUnavailable, NotExportable: see `traceable` and `traced_model`.
    """
    return traced_model(traceable(detector), detector.windowing.length)


def traced_model(model: StoredWindows, length: int) -> ExportedProgram:
    """A model as a graph with an open batch axis, for windows of `length` samples.

    Raises:
        ExportUnavailable: this version of torch is too old.
        NotExportable: a part that cannot be written down.
    """
    version = tuple(map(int, torch.__version__.split("+")[0].split(".")[:2]))
    if version < OLDEST_TORCH:
        raise ExportUnavailable(
            f"torch {'.'.join(map(str, OLDEST_TORCH))} or newer to export",
            torch.__version__,
            "Export with a newer torch; detectors are the same everywhere.",
        )
    batch = Dim("batch", min=1, max=MAX_BATCH)
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        try:
            return export(model, example(length), dynamic_shapes=({0: batch},) * 4)
        except (RuntimeError, TypeError, ValueError) as error:
            raise NotExportable(
                "a network that torch.export reads",
                " ".join(str(error).split())[:200],
                "Export one of the families in conf/model.",
            ) from error


def example(length: int, n_windows: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs of the right kinds and shapes; two windows, as an axis of one would be taken for
    fixed."""
    return (
        torch.zeros(n_windows, N_ELECTRODES, length, dtype=torch.int16),
        torch.ones(n_windows, N_ELECTRODES, dtype=torch.bool),
        torch.zeros(n_windows, N_ELECTRODES),
        torch.ones(n_windows, N_ELECTRODES),
    )
