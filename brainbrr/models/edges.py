"""The edge stream: how strongly each pair of electrodes is tied, frame by frame.

Axes: nodes (batch, electrodes, frames, features), weights (batch, pairs, frames), pairs i < j in
    row order.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.models.front import cosine_similarity
from brainbrr.models.native import native_can_take
from brainbrr.models.native_ends import ROW_TYPES, native_lift, native_read
from brainbrr.models.precision import autocast_type
from brainbrr.models.sequence import SequenceStream
from brainbrr.models.tcn import keep_variance_


class EdgeStream(nn.Module):
    """Similarity of two electrodes over time, read by a sequence model, as a positive weight.

    Args:
        stream: sequence layers of width `d_model`.
        d_model: features a similarity is lifted to.
    """

    def __init__(self, stream: SequenceStream, d_model: int) -> None:
        super().__init__()
        self.lift = nn.Linear(1, d_model)
        self.stream = stream
        self.read = nn.Linear(d_model, 1)
        nn.init.normal_(self.lift.weight)
        nn.init.uniform_(self.lift.bias, -1.0, 1.0)
        keep_variance_(self.read)

    def forward(self, nodes: Tensor) -> Tensor:
        """Weights above zero, `(batch, pairs, frames)`, in float32."""
        similarity = pairs_of(cosine_similarity(nodes))
        # Unrelated features of width n have a cosine of about n**-0.5, alike ones of about 1:
        # scaled by n**0.25 both lie within a factor of three of one, where tanh tells them apart.
        lifted = self._lift(similarity, nodes.shape[-1] ** 0.25)
        features = self.stream.run_layers(lifted.flatten(0, 1))
        return F.softplus(self._read(features).float()).reshape(similarity.shape)

    def _lift(self, similarity: Tensor, scale: float) -> Tensor:
        weight, bias = self.lift.weight[:, 0], self.lift.bias
        if self._is_native(similarity):
            dtype = autocast_type(similarity)
            return native_lift(similarity, weight, bias, scale=scale, dtype=dtype)
        return torch.tanh(self.lift(similarity[..., None] * scale))

    def _read(self, features: Tensor) -> Tensor:
        norm, read = self.stream.norm, self.read
        if self._is_native(features):
            weight = read.weight[0]
            constant = weight @ norm.bias + read.bias[0]
            return native_read(features, weight * norm.weight, constant, eps=norm.eps)
        return read(norm(features)).squeeze(-1)

    def _is_native(self, values: Tensor) -> bool:
        """In C where it may be; like every choice of `auto`, the same numbers."""
        weights = (self.lift.weight, self.read.weight, self.stream.norm.weight)
        plain = all(weight.dtype == torch.float32 for weight in weights)
        return plain and values.dtype in ROW_TYPES and native_can_take(values)


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
