"""The graph of electrodes over the edge of a seizure, as one figure."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import nn

from brainbrr.data.windows.dataset import WindowBatch, WindowDataset
from brainbrr.models.scaling import standardize
from brainbrr.reporting.graph_figure import graph_figure
from brainbrr.reporting.markup import Html
from brainbrr.training.validation import Validation


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
) -> Html | None:
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
    rate_hz = validation.windowing.rate_hz
    return graph_figure(
        seen.adjacency[0].float().cpu().numpy(),
        torch.sigmoid(seen.logits[0].float()).cpu().numpy(),
        batch.label[0].numpy(),
        name=name,
        start_s=int(batch.start) / rate_hz,
        rate_hz=rate_hz,
    )
