"""The one door to the kernels: every operator of the models as a plain function.

    models --> ops --+-- CPU        C, if built and of a type it takes
                     +-- CUDA       mamba-ssm, Triton
                     +-- elsewhere, and while a compiler, an exporter or a counter of operations
                         reads the model: plain torch (`reference`)

Which form of the scan runs is the user's choice, `model.scan`. What is exported holds no operator
of ours. What torch.compile makes for this process may: it keeps the two that it could not make
faster, the residual layer and dropout, as `torch.ops.brainbrr.NAME` (see `graph_operators`).
"""

import functools
import logging

import torch
from torch import Tensor
from torch.nn import functional as F

from brainbrr.errors import InvalidInput, InvalidOption, Unavailable
from brainbrr.kernels import mamba_ssm, reference
from brainbrr.kernels.c import binding, operators
from brainbrr.kernels.graph_operators import c_as_operator
from brainbrr.kernels.jacobi import jacobi_eigh
from brainbrr.kernels.parts import in_parts, sequences_per_part
from brainbrr.kernels.precision import autocast_type
from brainbrr.kernels.reference import BlockWeights, Scan
from brainbrr.kernels.tracing import is_tracing
from brainbrr.kernels.triton import layer as triton

SCAN_FORMS = ("auto", "reference", "chunked", "c", "mamba_ssm", "triton")
EIGENSOLVERS = ("auto", "eigh", "jacobi")
MOST_NODES = 32
"""Bits of a choice of neighbors in C."""

_log = logging.getLogger(__name__)


def _in_c(values: Tensor) -> bool:
    """Return whether C may compute with these values; their type is for each operator to check."""
    return values.device.type == "cpu" and not is_tracing() and binding.available()


# The scan and its block.


def select_scan(form: str) -> str:
    """Return the name of a form of the scan if it can run here.

    Args:
        form: `auto`, `reference`, `chunked`, `c` (CPU), `mamba_ssm` (CUDA) or `triton` (CUDA, one
            kernel per layer if a stream is narrow).

    Raises:
        InvalidOption: the name is not one of these.
        Unavailable: `c`, `mamba_ssm` or `triton` cannot run here; they are never replaced quietly.
    """
    if form not in SCAN_FORMS:
        raise InvalidOption(
            f"one of {', '.join(SCAN_FORMS)}", repr(form), "Set model.scan to one of them."
        )
    if not _runs_here(form):
        raise Unavailable(
            {
                "c": "a C compiler",
                "mamba_ssm": "a CUDA device with mamba-ssm and Triton",
                "triton": "a CUDA device with Triton 3.2 or newer",
            }[form],
            f"none on this machine, for model.scan={form}",
            "Install it (`brainbrr doctor` says what is missing), or use model.scan=auto: "
            "the numbers are the same.",
        )
    return form


def _runs_here(form: str) -> bool:
    if form == "c":
        return binding.available()
    if form == "mamba_ssm":
        return mamba_ssm.available()
    return form != "triton" or (torch.cuda.is_available() and triton.available())


def scan_function(form: str | Scan) -> Scan:
    """Return the scan that an unfused form runs, as a function; its axes stand in `reference`."""
    if not isinstance(form, str):
        return form
    return {"reference": reference.recurrence, "mamba_ssm": mamba_ssm.scan}.get(
        form, reference.chunked
    )


@functools.cache
def _fastest_form(device_type: str) -> str:
    """Return the fastest form on a device; the choice is logged once."""
    form = {"cpu": "c", "cuda": "mamba_ssm"}.get(device_type, "chunked")
    if not _runs_here(form):
        if form == "mamba_ssm":
            mamba_ssm.warn_missing("mamba-ssm", "the selective scan")
        form = "chunked"
    _log.info("selective scan on %s: %s", device_type, form)
    return form


def mamba2(
    inputs: Tensor,
    weights: BlockWeights,
    *,
    eps: float,
    reverse: bool = False,
    scan: str | Scan = "auto",
) -> Tensor:
    """Run one direction of Mamba-2; its steps stand in `reference.mamba2_block`.

    Args:
        inputs: `(batch, length, d_model)`.
        weights: of the direction.
        eps: of the RMSNorm.
        reverse: from the last step to the first.
        scan: form of the scan, one of `SCAN_FORMS`, or a function of the arguments of `Scan`.
    """
    if scan in ("auto", "triton"):
        # A compiler sees every step of the chunked form.
        plain = is_tracing() or inputs.dtype == torch.float64
        scan = "chunked" if plain else _fastest_form(inputs.device.type)
    if scan == "c":
        return operators.block(inputs, weights, eps=eps, reverse=reverse)
    convolve = mamba_ssm.convolve if scan == "mamba_ssm" else reference.convolve

    def block(sequences: Tensor) -> Tensor:
        ordered = sequences.flip(1) if reverse else sequences
        run = scan_function(scan)
        out = reference.mamba2_block(ordered, weights, eps=eps, scan=run, convolve=convolve)
        return out.flip(1) if reverse else out

    # A compiler or exporter reads the plain steps.
    if scan != "chunked" or is_tracing():
        return block(inputs)
    return in_parts(block, inputs, sequences_per_part(inputs, weights))


# The residual layer of two directions: x + dropout(forwards(norm(x)) + backwards(norm(x))).


def residual_bimamba(
    inputs: Tensor,
    forwards: BlockWeights,
    backwards: BlockWeights,
    norm_weight: Tensor,
    norm_bias: Tensor,
    *,
    norm_eps: float,
    eps: float,
    dropout: float = 0.0,
    scan: str | Scan = "auto",
) -> Tensor | None:
    """Return `x + dropout(forwards(norm(x)) + backwards(norm(x)))`, or None if no kernel runs it in
    one pass through memory each way.

    C does on a CPU, and `scan="triton"` on a CUDA device if the layer is narrow: around its two
    blocks a narrow layer moves as much memory as within them. The dropout's mask is a function of a
    seed that torch's generator draws on the device, so that nothing is stored for it, the host
    waits for nothing, and a CUDA graph draws again.

    Args:
        inputs: `(batch, length, d_model)`.
        forwards: the direction that reads from the first frame to the last.
        backwards: the direction that reads from the last to the first.
        norm_weight, norm_bias: `(d_model,)`, of the layer norm.
        norm_eps: of the layer norm.
        eps: of the blocks' RMSNorm.
        dropout: probability of dropping a number of the sum of the two directions, below 1.
        scan: form of the scan.

    Raises:
        InvalidInput: shapes that disagree or types that the form cannot take; from `c` and
            `triton` second derivatives, too.
    """
    kernel = _residual_kernel(inputs, forwards, scan)
    if kernel is None:
        return None
    _check_residual(inputs, forwards, backwards, norm_weight, norm_bias, dropout)
    if kernel == "triton":
        triton.check(inputs, forwards)
    else:
        binding.check_types(inputs=inputs, **forwards._asdict())
    weights = [*forwards, *backwards, norm_weight, norm_bias]
    # A tensor, not its number: a compiler would have to stop for the number.
    seed = torch.randint(2**62, (), device=inputs.device) if dropout else None
    # Asked here: within the operator autograd is switched off, and everything would seem frozen.
    keep = needs_grad(inputs, *weights)
    outputs: tuple[Tensor, Tensor] = torch.ops.brainbrr.residual_bimamba(
        inputs, weights, seed, norm_eps, eps, dropout, keep
    )
    return outputs[0]


def _residual_kernel(inputs: Tensor, weights: BlockWeights, scan: str | Scan) -> str | None:
    """Return what runs the layer in one pass, or None."""
    if scan == "c":
        return "c"
    if scan == "triton" and not is_tracing() and triton.fits(inputs, weights):
        return "triton"
    return "c" if scan in ("auto", "triton") and c_as_operator(inputs) else None


def needs_grad(*tensors: Tensor) -> bool:
    """Return whether activations must be saved for the backward pass; asked before an
    `autograd.Function` is entered, in which a leaf needs its gradient in inference mode, too."""
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _check_residual(
    inputs: Tensor,
    forwards: BlockWeights,
    backwards: BlockWeights,
    norm_weight: Tensor,
    norm_bias: Tensor,
    dropout: float,
) -> None:
    """Refuse shapes that disagree: the kernels read what they promise."""
    for weights in (forwards, backwards):
        operators.check_block(inputs, weights)
    width = (inputs.shape[-1],)
    if norm_weight.shape != width or norm_bias.shape != width:
        raise InvalidInput(
            f"norm weight and bias {width}",
            f"{tuple(norm_weight.shape)}, {tuple(norm_bias.shape)}",
            "Use a layer norm over the features.",
        )
    # They share one working space, sized by the first.
    if [w.shape for w in forwards] != [w.shape for w in backwards]:
        raise InvalidInput(
            "two directions of one size", "two sizes", "Build both with the same numbers."
        )
    if not 0 <= dropout < 1:
        raise InvalidInput("0 <= dropout < 1", str(dropout), "Correct stream_dropout.")


# Norm and dropout.


def norm(signal: Tensor, weight: Tensor, bias: Tensor, *, floor: float, activate: bool) -> Tensor:
    """Return `x / sqrt(mean over channels of x ** 2 + floor) * weight + bias`, or GELU of it.

    Computed in float32, whatever comes in.

    Args:
        signal: `(batch, channels, samples)`.
        weight, bias: `(channels,)`.
        floor: of the mean square.
        activate: whether to apply GELU (the exact one).
    """
    fits = signal.ndim == 3 and signal.dtype in binding.ROWS and weight.dtype == torch.float32
    run = operators.norm if _in_c(signal) and fits else reference.norm
    return run(signal, weight, bias, floor, activate)


def dropout(values: Tensor, p: float, training: bool) -> Tensor:
    """Drop numbers with probability `p` and scale the rest; in C another stream of masks than
    torch's, from the same generator."""
    fits = training and 0 < p < 1 and values.dtype == torch.float32
    if fits and c_as_operator(values):
        out: Tensor = torch.ops.brainbrr.dropout(values, torch.randint(2**62, ()), p)
        return out
    return F.dropout(values, p, training)


# The edge stream: embedding, head, and the choice of edges.


def edge_embedding(numbers: Tensor, weight: Tensor, bias: Tensor, *, scale: float) -> Tensor:
    """Return `tanh(scale * number * weight + bias)`: bounded features of each number.

    Args:
        numbers: any shape.
        weight: `(width, 1)`.
        bias: `(width,)`.
        scale: of the numbers.

    Returns:
        `(*numbers.shape, width)`, in autocast's type if it is on.
    """
    if not _in_c(numbers):
        return reference.edge_embedding(numbers, weight, bias, scale)
    dtype = autocast_type(numbers)
    if not {numbers.dtype, dtype} <= set(binding.ROWS) or weight.dtype != torch.float32:
        return reference.edge_embedding(numbers, weight, bias, scale)
    return operators.edge_embedding(numbers, weight[:, 0], bias, scale, dtype)


def edge_head(
    rows: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    eps: float,
) -> Tensor:
    """Return one number per row: `weight . layer_norm(row) + bias`.

    Args:
        rows: `(..., width)`.
        norm_weight, norm_bias: `(width,)`, of the layer norm.
        weight: `(1, width)`.
        bias: `(1,)`.
        eps: of the layer norm.
    """
    plain = weight.dtype == norm_weight.dtype == torch.float32
    if not (plain and rows.dtype in binding.ROWS and _in_c(rows)):
        return reference.edge_head(rows, norm_weight, norm_bias, weight, bias, eps)
    # Not as a product, which autocast would round.
    constant = (weight[0] * norm_bias).sum() + bias[0]
    return operators.edge_head(rows, weight[0] * norm_weight, constant, eps)


def strongest_edges(weights: Tensor, observed: Tensor, n_neighbours: int) -> Tensor:
    """Keep the edges that at least one of their two ends counts among its strongest, with their
    full weight.

    Args:
        weights: `(batch, pairs, frames)`, positive; pairs i < j in row order.
        observed: `(batch, electrodes)`; absent electrodes have no edges.
        n_neighbours: how many each electrode chooses.

    Returns:
        Symmetric adjacency with a zero diagonal, `(batch, frames, electrodes, electrodes)`.
    """
    n_nodes = observed.shape[1]
    # In this order: a compiler would guard on the size of what it only needs to pass on.
    fits = _in_c(weights) and weights.dtype == torch.float32 and weights.numel() > 0
    if not (fits and n_nodes <= MOST_NODES):
        return reference.strongest_edges(weights, observed, n_neighbours)
    kept = operators.strongest_edges(weights, observed, n_neighbours)
    return reference.matrices_of(torch.where(kept, weights, 0.0), n_nodes)


# Eigenvectors.


def select_eigensolver(name: str) -> str:
    """Return the name if there is such an eigensolver.

    Raises:
        InvalidOption: it is not one of `EIGENSOLVERS`.
    """
    if name not in EIGENSOLVERS:
        raise InvalidOption(
            f"one of {', '.join(EIGENSOLVERS)}", repr(name), "Set model.eigensolver to one of them."
        )
    return name


def eigenvectors(matrices: Tensor, n_vectors: int, *, solver: str = "auto") -> Tensor:
    """Return the eigenvectors of the smallest eigenvalues, in their order.

    Args:
        matrices: symmetric, `(..., n, n)`.
        n_vectors: how many, at most n.
        solver: `eigh` (LAPACK, cuSOLVER), `jacobi` (plain torch operations), or `auto`: Jacobi's
            rotations in C on a CPU, otherwise eigh if the device has it.

    Returns:
        `(..., n, n_vectors)`.
    """
    if solver == "auto" and matrices.dtype in binding.FLOATS and _in_c(matrices):
        return operators.eigenvectors(matrices, n_vectors)
    # Apple's GPUs have no eigh.
    plain = solver == "jacobi" or (solver == "auto" and matrices.device.type == "mps")
    _, vectors = jacobi_eigh(matrices) if plain else torch.linalg.eigh(matrices)
    return vectors[..., :n_vectors]
