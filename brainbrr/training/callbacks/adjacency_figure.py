"""The graph of electrodes over the edge of a seizure, as one figure."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from brainbrr.data.windows.dataset import WindowBatch, WindowDataset
from brainbrr.models.scaling import standardize
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.training.validation import Validation

N_MOMENTS = 4
"""Parts of the window whose mean adjacency is shown as a matrix."""


def edge_of_the_longest_seizure(validation: Validation) -> tuple[WindowBatch, str]:
    """Find the window with the most even mix of seizure and background in the recording of the
    longest validation seizure.

    Returns:
        the window as a batch of one, and the recording's name.

    The same one after every epoch, so that figures can be compared.
    """
    longest = max(
        (row for row in validation.rows if row.annotation.seizures),
        key=lambda row: max(event.duration_s for event in row.annotation.seizures),
    )
    dataset = WindowDataset(
        [longest],
        validation.cache_folder,
        validation.windowing,
        open_signal=validation.open_signal,
    )
    share = dataset.index.seizure_samples / dataset.index.n_samples
    return dataset[int(np.abs(share - 0.5).argmin())], longest.recording_id


@torch.no_grad()
def adjacency_figure(
    network: nn.Module,
    validation: Validation,
    *,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Figure | None:
    """Draw the ties between electrodes at the edge of a seizure; None if the network has no graph
    or the window no electrode.

    Args:
        network: with `explain(eeg, observed)` if it has a graph; put into evaluation mode
            meanwhile.
        validation: holds the recordings.
        device: the device of the network.
        autocast: makes the context of reduced precision the network runs in.
    """
    if not hasattr(network, "explain"):
        return None
    batch, name = edge_of_the_longest_seizure(validation)
    if not batch.observed.any():
        return None
    there = WindowBatch(*(part.to(device) for part in batch))
    eeg = standardize(there.eeg, there.observed, there.center_uv, there.scale_uv)
    was_training = network.training
    network.eval()
    with autocast():
        seen = network.explain(eeg, there.observed)  # type: ignore[operator]
    network.train(was_training)
    probability = torch.sigmoid(seen.logits[0].float()).cpu().numpy()
    start_s = int(batch.start) / validation.windowing.rate_hz
    time_s = start_s + np.arange(len(probability)) / validation.windowing.rate_hz
    figure = Figure(figsize=(13, 9), layout="constrained")
    figure.suptitle(name)
    halves: Any = figure.subfigures(2, 1, height_ratios=[2, 3])
    above, below = halves
    adjacency = seen.adjacency[0].float().cpu().numpy()
    _draw_moments(above, adjacency, time_s)
    _draw_course(below, adjacency, time_s, probability, batch.label[0].numpy())
    return figure


def _draw_moments(figure: Any, adjacency: NDArray[np.float32], time_s: NDArray[np.float64]) -> None:
    """Draw the mean matrix of each part of the window."""
    parts = np.array_split(adjacency, N_MOMENTS)
    edges_s = np.linspace(time_s[0], time_s[-1], N_MOMENTS + 1)
    highest = max(float(part.mean(0).max()) for part in parts)
    places = figure.subplots(1, N_MOMENTS)
    for number, (axes, part) in enumerate(zip(places, parts, strict=True)):
        picture = axes.imshow(part.mean(0), vmin=0, vmax=highest)
        axes.set_title(f"{edges_s[number]:.0f} to {edges_s[number + 1]:.0f} s")
        axes.set_xticks(range(len(ELECTRODES)), ELECTRODES, rotation=90, fontsize=5)
        axes.set_yticks(range(len(ELECTRODES)), ELECTRODES, fontsize=5)
    figure.colorbar(picture, ax=places, label="weight of a tie")


def _draw_course(
    figure: Any,
    adjacency: NDArray[np.float32],
    time_s: NDArray[np.float64],
    probability: NDArray[np.float32],
    label: NDArray[np.bool_],
) -> None:
    """Draw all ties of each electrode over time, with probability and annotation below."""
    ties, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    extent = (time_s[0], time_s[-1], len(ELECTRODES) - 0.5, -0.5)
    picture = ties.imshow(adjacency.sum(2).T, aspect="auto", extent=extent, interpolation="nearest")
    ties.set_yticks(range(len(ELECTRODES)), ELECTRODES, fontsize=7)
    figure.colorbar(picture, ax=ties, label="sum of its ties")
    below.plot(time_s, probability)
    below.fill_between(time_s, 0, 1, where=label, color="tab:red", alpha=0.15)
    below.set(ylim=(0, 1), ylabel="probability", xlabel="time (s)")
