"""The edge stream: how strongly each pair of electrodes is tied, frame by frame.

Axes: nodes (batch, electrodes, frames, features), weights (batch, pairs, frames), pairs i < j in
    row order.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from brainbrr.kernels import ops
from brainbrr.kernels.reference import pairs_of
from brainbrr.models.front import cosine_similarity
from brainbrr.models.layers import variance_preserving_init_
from brainbrr.models.sequence import SequenceStream


class EdgeEmbedding(nn.Module):
    """One number to a row of bounded features, `tanh(scale * number * weight + bias)`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        linear = nn.Linear(1, width)
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, numbers: Tensor, scale: float) -> Tensor:
        """Return `(..., width)` of `(...)`."""
        return ops.edge_embedding(numbers, self.weight, self.bias, scale=scale)


class EdgeHead(nn.Module):
    """A row of features to one number, through the stream's last norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        linear = nn.Linear(width, 1)
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, rows: Tensor, norm: nn.LayerNorm) -> Tensor:
        """Return `(...)` of `(..., width)`."""
        return ops.edge_head(rows, norm.weight, norm.bias, self.weight, self.bias, eps=norm.eps)


class EdgeStream(nn.Module):
    """Similarity of two electrodes over time, through a sequence model, as a positive weight.

    Args:
        stream: sequence layers of width `d_model`.
        d_model: features a similarity is embedded in.
    """

    def __init__(self, stream: SequenceStream, d_model: int) -> None:
        super().__init__()
        self.lift = EdgeEmbedding(d_model)
        self.stream = stream
        self.read = EdgeHead(d_model)
        nn.init.normal_(self.lift.weight)
        nn.init.uniform_(self.lift.bias, -1.0, 1.0)
        variance_preserving_init_(self.read)

    def forward(self, nodes: Tensor) -> Tensor:
        """Return weights above zero, `(batch, pairs, frames)`, in float32."""
        similarity = pairs_of(cosine_similarity(nodes))
        # Unrelated features of width n have a cosine of about n**-0.5, alike ones of about 1:
        # scaled by n**0.25 both lie within a factor of three of one, where tanh tells them apart.
        embedded = self.lift(similarity, nodes.shape[-1] ** 0.25)
        features = self.stream(embedded.flatten(0, 1), normed=False)
        strength = self.read(features, self.stream.norm)
        return F.softplus(strength.float()).reshape(similarity.shape)
