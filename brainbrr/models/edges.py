"""The edge stream: how strongly each pair of electrodes is tied, frame by frame.

Axes: nodes (batch, electrodes, frames, features), weights (batch, pairs, frames), pairs i < j in
    row order.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.kernels.c.binding import ROW_TYPES
from brainbrr.kernels.c.edge_io import can_take_ends, native_lift, native_read
from brainbrr.kernels.precision import autocast_type
from brainbrr.models.front import cosine_similarity
from brainbrr.models.sequence import SequenceStream
from brainbrr.models.tcn import keep_variance_


class Lift(nn.Module):
    """One number to a row of bounded features, `tanh(scale * number * weight + bias)`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        linear = nn.Linear(1, width)
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, numbers: Tensor, scale: float) -> Tensor:
        """`(..., width)` of `(...)`."""
        dtype = autocast_type(numbers)
        if dtype in ROW_TYPES and can_take_ends(numbers, self.weight):
            return native_lift(numbers, self.weight[:, 0], self.bias, scale=scale, dtype=dtype)
        return torch.tanh(F.linear(numbers[..., None] * scale, self.weight, self.bias))


class Read(nn.Module):
    """A row of features to one number, through the stream's last norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        linear = nn.Linear(width, 1)
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, rows: Tensor, norm: nn.LayerNorm) -> Tensor:
        """`(...)` of `(..., width)`."""
        if can_take_ends(rows, self.weight, norm.weight):
            weight = self.weight[0]
            # Not as a product, which autocast would round.
            constant = (weight * norm.bias).sum() + self.bias[0]
            return native_read(rows, weight * norm.weight, constant, eps=norm.eps)
        return F.linear(norm(rows), self.weight, self.bias).squeeze(-1)


class EdgeStream(nn.Module):
    """Similarity of two electrodes over time, read by a sequence model, as a positive weight.

    Args:
        stream: sequence layers of width `d_model`.
        d_model: features a similarity is lifted to.
    """

    def __init__(self, stream: SequenceStream, d_model: int) -> None:
        super().__init__()
        self.lift = Lift(d_model)
        self.stream = stream
        self.read = Read(d_model)
        nn.init.normal_(self.lift.weight)
        nn.init.uniform_(self.lift.bias, -1.0, 1.0)
        keep_variance_(self.read)

    def forward(self, nodes: Tensor) -> Tensor:
        """Weights above zero, `(batch, pairs, frames)`, in float32."""
        similarity = pairs_of(cosine_similarity(nodes))
        # Unrelated features of width n have a cosine of about n**-0.5, alike ones of about 1:
        # scaled by n**0.25 both lie within a factor of three of one, where tanh tells them apart.
        lifted = self.lift(similarity, nodes.shape[-1] ** 0.25)
        features = self.stream(lifted.flatten(0, 1), normed=False)
        read = self.read(features, self.stream.norm)
        return F.softplus(read.float()).reshape(similarity.shape)


def pairs_of(matrices: Tensor) -> Tensor:
    """The upper triangle of `(batch, frames, n, n)` as `(batch, pairs, frames)`."""
    n = matrices.shape[-1]
    row, column = torch.triu_indices(n, n, 1, device=matrices.device)
    return matrices.flatten(-2)[..., row * n + column].transpose(1, 2)


def matrices_of(pairs: Tensor, n: int) -> Tensor:
    """Symmetric `(batch, frames, n, n)` with a zero diagonal from `(batch, pairs, frames)`."""
    row, column = torch.triu_indices(n, n, 1, device=pairs.device)
    # Every place of the matrix reads its pair; the diagonal reads an appended zero.
    place = torch.full((n, n), row.shape[0], device=pairs.device)
    order = torch.arange(row.shape[0], device=pairs.device)
    place[row, column] = order
    place[column, row] = order
    padded = F.pad(pairs.transpose(1, 2), (0, 1))
    return padded[..., place.flatten()].reshape(*padded.shape[:2], n, n)
