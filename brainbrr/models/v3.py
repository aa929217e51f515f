"""The V3 family from plain numbers: what `conf/model/v3*.yaml` names."""

from collections.abc import Sequence

from torch import nn

from brainbrr.errors import InvalidOption
from brainbrr.models.decoder import Decoder, Head
from brainbrr.models.detector import V3Detector
from brainbrr.models.edges import EdgeStream
from brainbrr.models.front import ElectrodeFront, ElectrodeMerge, MixedFront, MixedMerge
from brainbrr.models.graph import ElectrodeGraph
from brainbrr.models.sequence import SequenceStream
from brainbrr.models.tcn import Encoder
from brainbrr.signal.electrodes import N_ELECTRODES


def v3(
    *,
    encoder: str,
    encoder_channels: Sequence[int],
    encoder_kernel: int,
    encoder_dilations: Sequence[int],
    encoder_dropout: float,
    electrode_features: int,
    stream: str,
    stream_dropout: float,
    scan: str,
    recompute: bool,
    node_layers: int,
    node_d_state: int,
    node_d_conv: int,
    node_expand: int,
    node_headdim: int,
    edge_d_model: int,
    edge_layers: int,
    edge_d_state: int,
    edge_d_conv: int,
    edge_expand: int,
    edge_headdim: int,
    n_neighbours: int,
    n_eigenvectors: int,
    semi_dynamic_interval: int,
    eigensolver: str,
    graph_convolution: str,
    graph_layers: int,
    graph_alpha: float,
    graph_hops: int,
    graph_dropout: float,
    decoder_channels: Sequence[int],
    skip_connections: bool,
    prior: float,
) -> V3Detector:
    """Build the V3 detector; each number is explained in `conf/model/v3.yaml`.

    Raises:
        InvalidOption: unknown names, or numbers that contradict one another.
        Unavailable: a form of the scan that this machine does not have.
    """
    width = encoder_channels[-1]
    encode = Encoder(
        1 if encoder == "electrode" else N_ELECTRODES,
        channels=encoder_channels,
        kernel=encoder_kernel,
        dilations=encoder_dilations,
        dropout=encoder_dropout,
    )
    front, merge = _ends(encoder, encode, width, electrode_features, skip_connections)
    node_stream = SequenceStream(
        stream,
        electrode_features,
        layers=node_layers,
        d_state=node_d_state,
        d_conv=node_d_conv,
        expand=node_expand,
        headdim=node_headdim,
        dropout=stream_dropout,
        scan=scan,
        recompute=recompute,
    )
    edge_stream = SequenceStream(
        stream,
        edge_d_model,
        layers=edge_layers,
        d_state=edge_d_state,
        d_conv=edge_d_conv,
        expand=edge_expand,
        headdim=edge_headdim,
        dropout=stream_dropout,
        scan=scan,
        recompute=recompute,
    )
    graph = ElectrodeGraph(
        electrode_features,
        n_eigenvectors,
        layers=graph_layers,
        convolution=graph_convolution,
        alpha=graph_alpha,
        hops=graph_hops,
        dropout=graph_dropout,
    )
    skips = list(reversed(encoder_channels[:-1])) if skip_connections else []
    return V3Detector(
        front=front,
        node_stream=node_stream,
        edges=EdgeStream(edge_stream, edge_d_model),
        graph=graph,
        merge=merge,
        decoder=Decoder([width, *decoder_channels], skips),
        head=Head(decoder_channels[-1], prior),
        n_electrodes=N_ELECTRODES,
        stride=2 ** len(encoder_channels),
        n_neighbours=n_neighbours,
        n_eigenvectors=n_eigenvectors,
        semi_dynamic_interval=semi_dynamic_interval,
        eigensolver=eigensolver,
        skip_connections=skip_connections,
    )


def _ends(
    kind: str, encoder: Encoder, width: int, features: int, skip_connections: bool
) -> tuple[nn.Module, nn.Module]:
    """Return how electrodes come out of the encoder and go back into one stream."""
    if kind == "mixed":
        return (
            MixedFront(encoder, width, N_ELECTRODES, features),
            MixedMerge(width, N_ELECTRODES, features),
        )
    if kind != "electrode":
        raise InvalidOption("mixed or electrode", repr(kind), "Set model.encoder to one of them.")
    if features != width or skip_connections:
        raise InvalidOption(
            f"electrode_features {width} (the encoder's width) and no skips for encoder=electrode",
            f"electrode_features {features}, skip_connections {skip_connections}",
            "Change them, or use encoder=mixed.",
        )
    return ElectrodeFront(encoder), ElectrodeMerge(features, width)
