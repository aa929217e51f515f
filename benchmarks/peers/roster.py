"""Who is timed beside V3, on what input, and who cannot be here."""

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from peers import dcrnn, evobrain, predecessor, seizure_transformer
from peers.clip import random_clips
from peers.predecessor_loop import V3AsALoop
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from brainbrr.models.registry import load_model
from brainbrr.profiling.arithmetic import part_gflop

OWN = ("v3", "v3_electrode")
BAR = "SeizureTransformer"
PREDECESSOR = "predecessor"
LOOP = "v3 as predecessor's loop"
BRAINDECODE_HZ = {"USleep": 128, "SPARCNet": 256, "EEGConformer": 256, "CBraMod": 200}
WINDOW_S = 60


@dataclass(frozen=True)
class Entrant:
    """A network to time.

    Attributes:
        network: takes what `inputs` makes.
        inputs: from a batch size to random input.
        answers: numbers it gives for a window: one a `sample`, or one a `clip`.
        batches: sizes worth timing; EvoBrain and EEGConformer hold 4 to 7 GB at 4.
        slow: seconds a step, so timed in fewer rounds.
        gflop: of one window's forward pass, where it was counted from the original.
        n_parameters: of the original.
    """

    network: nn.Module
    inputs: Callable[[int], object]
    answers: str = "sample"
    batches: tuple[int, ...] = (1, 4)
    slow: bool = False
    gflop: float | None = None
    n_parameters: int | None = None


def roster():
    """Entrants by name, and the names of those that cannot run here, with the reason."""
    entrants = {name: Entrant(load_model(name), samples(256)) for name in OWN}
    entrants[BAR] = published(
        seizure_transformer, seizure_transformer.SeizureTransformer(), samples(256)
    )
    entrants["EvoBrain"] = published(
        evobrain, evobrain.EvoBrain(), random_clips, answers="clip", batches=(1,)
    )
    entrants["DCRNN"] = published(dcrnn, dcrnn.Dcrnn(), random_clips, answers="clip")
    absent = {}
    for find in (of_the_predecessor, of_braindecode):
        found, missing = find()
        entrants |= found
        absent |= missing
    return entrants, absent


def published(module, network, inputs, **how):
    """An entrant whose size is known from the original."""
    return Entrant(network, inputs, gflop=module.GFLOP, n_parameters=module.N_PARAMETERS, **how)


def of_the_predecessor():
    """Its network with convolutions for Mamba-2, and ours written its way."""
    if importlib.util.find_spec("torch_geometric") is None:
        return {}, dict.fromkeys((PREDECESSOR, LOOP), "pip install torch-geometric")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network, loop = predecessor.Predecessor(), V3AsALoop()
    how = {"batches": (1,), "slow": True}
    as_it_ran = published(predecessor, network, samples(256), **how)
    return {PREDECESSOR: as_it_ran, LOOP: Entrant(loop, samples(256), **how)}, {}


def of_braindecode():
    """Networks of the package braindecode, each at the rate it was made for."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from braindecode import models
    except ModuleNotFoundError as error:
        return {}, dict.fromkeys(BRAINDECODE_HZ, f"pip install {error.name}")
    except (ImportError, OSError):
        reason = "torchaudio, which braindecode imports, was built for another torch"
        return {}, dict.fromkeys(BRAINDECODE_HZ, reason)
    # SPARCNet's convolutions of even width, at each first call.
    warnings.filterwarnings("ignore", message="Using padding='same'")
    entrants = {}
    for name, rate_hz in BRAINDECODE_HZ.items():
        numbers = {"n_chans": 19, "n_outputs": 2, "n_times": WINDOW_S * rate_hz, "sfreq": rate_hz}
        network = getattr(models, name)(**numbers)
        batches = (1,) if name == "EEGConformer" else (1, 4)
        entrants[name] = Entrant(network, samples(rate_hz), answers="clip", batches=batches)
    return entrants, {}


def samples(rate_hz):
    """Makes noise at a rate."""
    return lambda batch: torch.randn(batch, 19, WINDOW_S * rate_hz)


def sizes(entrants):
    """Millions of parameters and GFLOP of each; those written anew are held against the originals.

    Raises:
        AssertionError: one is not the network it stands for.
    """
    found = {}
    for name, entrant in entrants.items():
        n_parameters = sum(parameter.numel() for parameter in entrant.network.parameters())
        gflop = counted_gflop(name, entrant)
        assert entrant.n_parameters in (None, n_parameters), (name, n_parameters)
        assert entrant.gflop is None or abs(gflop / entrant.gflop - 1) < 0.01, (name, gflop)
        found[name] = {"n_parameters": n_parameters, "gflop": gflop, "answers": entrant.answers}
    return found


def counted_gflop(name, entrant):
    """GFLOP of one window forward; of our own with scan and eigenproblem counted by formula."""
    if name in OWN:
        return sum(part_gflop(entrant.network, entrant.inputs(1)).values())
    # In evaluation some attention is one operation that the counter does not know.
    entrant.network.train()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        entrant.network(entrant.inputs(1))
    return counter.get_total_flops() / 1e9
