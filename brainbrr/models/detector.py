"""The V3 detector: EEG to the odds of a seizure at each sample, through a graph of electrodes that
changes in time.

Axes: eeg (batch, electrodes, samples), nodes (batch, electrodes, frames, features), weights (batch,
    pairs, frames), adjacency (batch, frames, electrodes, electrodes), logits (batch, samples). A
    frame is 16 samples; of a minute of V3 (B, 19, 15360) there are 960, and 171 pairs.

    eeg --> front --+--> nodes --> node stream ---------------------+
                    |      |                                        v
                    |      +--> edges --> adjacency --> encoding --> graph --+
                    |                          |                    ^        |
                    |                          +--------------------+        v
                    +--> trunk -------------------------------------------> merge --> decoder
                                                                              --> head --> logits
"""

from typing import NamedTuple

from torch import Tensor, nn

from brainbrr.kernels import ops
from brainbrr.models.decoder import Decoder, Head
from brainbrr.models.edges import EdgeStream
from brainbrr.models.front import Front
from brainbrr.models.graph import ElectrodeGraph
from brainbrr.models.input_checks import check_input
from brainbrr.models.laplacian import laplacian_encoding, repeat_frames
from brainbrr.models.sequence import SequenceStream


class Explanation(NamedTuple):
    """What a detector saw in a batch of windows.

    Attributes:
        adjacency: strength of each tie, `(batch, frames, electrodes, electrodes)`.
        node_activity: size of each electrode's features after the graph, `(batch, electrodes,
            frames)`; 0 if absent.
        logits: `(batch, samples)`.
    """

    adjacency: Tensor
    node_activity: Tensor
    logits: Tensor


class V3Detector(nn.Module):
    """A TCN encoder, two streams of bidirectional Mamba-2, a dynamic graph, and a decoder.

    Args:
        front: EEG to features of each electrode and a trunk.
        node_stream: sequence layers that every electrode passes through.
        edges: features to positive weights of pairs of electrodes.
        graph: message passing.
        merge: electrodes and trunk to one stream.
        decoder: stream to full rate.
        head: full rate to logits.
        n_electrodes: electrodes of the montage.
        stride: samples in a frame.
        n_neighbours: edges each electrode chooses.
        n_eigenvectors: width of the positional encoding.
        semi_dynamic_interval: the positional encoding is solved at each such frame and repeated
            in between.
        eigensolver: `auto`, `eigh` or `jacobi`.
        skip_connections: hand the encoder's faster stages to the decoder.
    """

    def __init__(
        self,
        *,
        front: nn.Module,
        node_stream: SequenceStream,
        edges: EdgeStream,
        graph: ElectrodeGraph,
        merge: nn.Module,
        decoder: Decoder,
        head: Head,
        n_electrodes: int,
        stride: int,
        n_neighbours: int,
        n_eigenvectors: int,
        semi_dynamic_interval: int,
        eigensolver: str,
        skip_connections: bool,
    ) -> None:
        super().__init__()
        self.front = front
        self.node_stream = node_stream
        self.edges = edges
        self.graph = graph
        self.merge = merge
        self.decoder = decoder
        self.head = head
        self.n_electrodes = n_electrodes
        self.stride = stride
        self.n_neighbours = n_neighbours
        self.n_eigenvectors = n_eigenvectors
        self.semi_dynamic_interval = semi_dynamic_interval
        self.eigensolver = ops.select_eigensolver(eigensolver)
        self.skip_connections = skip_connections

    def forward(self, eeg: Tensor, observed: Tensor | None = None) -> Tensor:
        """Return the log-odds of a seizure at each sample.

        Args:
            eeg: standardized EEG, `(batch, electrodes, samples)`; the length a multiple of the
                stride.
            observed: `(batch, electrodes)` boolean; None if all were recorded.

        Returns:
            `(batch, samples)`, float32, within +-40.

        Raises:
            InvalidInput, NonFiniteInput: see `brainbrr.models.input_checks`.
        """
        return self.explain(eeg, observed).logits

    def explain(self, eeg: Tensor, observed: Tensor | None = None) -> Explanation:
        """Return the logits with the graph and the electrodes' activity that led to them."""
        observed = check_input(eeg, observed, self.n_electrodes, self.stride)
        front: Front = self.front(eeg, observed)
        adjacency = self.adjacency(front.nodes, observed)
        encoding = self.encode_positions(adjacency, observed)
        nodes = self.node_stream(front.nodes.flatten(0, 1)).unflatten(0, front.nodes.shape[:2])
        nodes = self.graph(nodes.transpose(1, 2), adjacency, encoding).transpose(1, 2)
        merged = self.merge(nodes, front.trunk, observed)
        decoded = self.decoder(merged, front.stages if self.skip_connections else ())
        activity = nodes.detach().float().square().mean(-1).sqrt() * observed[..., None]
        return Explanation(adjacency.detach(), activity, self.head(decoded))

    def adjacency(self, nodes: Tensor, observed: Tensor) -> Tensor:
        """Return the graph at each frame, `(batch, frames, electrodes, electrodes)`."""
        return ops.strongest_edges(self.edges(nodes), observed, self.n_neighbours)

    def encode_positions(self, adjacency: Tensor, observed: Tensor) -> Tensor:
        """Return the Laplacian encoding, solved at each `semi_dynamic_interval`-th frame and
        repeated in between."""
        solved = laplacian_encoding(
            adjacency[:, :: self.semi_dynamic_interval].detach(),
            observed,
            n_eigenvectors=self.n_eigenvectors,
            solver=self.eigensolver,
        )
        return repeat_frames(solved, self.semi_dynamic_interval, adjacency.shape[1])
