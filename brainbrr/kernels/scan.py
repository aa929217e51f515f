"""The selective scan at the heart of Mamba-2, in plain torch on every device.

Axes: x (batch, length, heads, headdim), dt (batch, length, heads), A and D (heads,),
B and C (batch, length, 1, d_state), states (batch, heads, headdim, d_state).

Every form computes the same recurrence (Dao and Gu 2024, "Transformers are SSMs", equation 16 and
listing 1): state_t = exp(dt_t A) state_(t-1) + dt_t x_t B_t        y_t = state_t C_t + D x_t
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from brainbrr.errors import BrainbrrError
from brainbrr.kernels.c.binding import native_available, native_can_take, native_scan
from brainbrr.kernels.mamba_ssm import kernel_scan, kernels_available
from brainbrr.kernels.precision import full_precision
from brainbrr.kernels.tracing import is_tracing
from brainbrr.kernels.triton.layer import fused_available

MODES = ("auto", "reference", "chunked", "native", "kernels", "fused")
CHUNK_CPU = 16
CHUNK_CUDA = 64
CHUNKS_AT_ONCE = 64
"""Chunks whose states are joined by one matrix product; bounds memory on long recordings."""

_log = logging.getLogger(__name__)


class UnknownScan(BrainbrrError):
    """A scan mode that does not exist."""


class ScanUnavailable(BrainbrrError):
    """A scan mode that was asked for by name and cannot run on this machine."""


class Scan(Protocol):
    """What every form of the scan looks like to the block that calls it."""

    def __call__(
        self,
        x: Tensor,
        dt: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        initial_state: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Outputs like `x` and the state after the last step."""


def reference(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The recurrence step by step: slow, and what the others are measured against."""
    with full_precision(x.device.type):
        u, dt, A, B, C, D, state = _prepare(x, dt, A, B, C, D, initial_state)
        outputs = []
        for t in range(u.shape[1]):
            decay = torch.exp(dt[:, t] * A)[..., None, None]
            step = (dt[:, t, :, None] * u[:, t])[..., None] * B[:, t, :, None, :]
            state = decay * state + step
            outputs.append((state * C[:, t, :, None, :]).sum(-1) + D[:, None] * u[:, t])
        return torch.stack(outputs, 1).to(x.dtype), state


def chunked(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
    *,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The recurrence as matrix products over short chunks: any device, any length, the same
    numbers.

    Small chunks are both faster and more exact on a CPU, where the `chunk x chunk` decay of each
    head dominates.

    Args:
        x: inputs of each head.
        dt: positive step sizes.
        A: negative decay rates.
        B: what enters the state.
        C: what is read from the state.
        D: what passes by the state.
        initial_state: state before the first step; zeros when not given.
        chunk: steps computed at once; 16 on a CPU, 64 elsewhere when not given.
    """
    chunk = chunk or (CHUNK_CPU if x.device.type == "cpu" else CHUNK_CUDA)
    with full_precision(x.device.type):
        u, dt, A, B, C, D, state = _prepare(x, dt, A, B, C, D, initial_state)
        length = u.shape[1]
        # A step of size 0 neither decays nor feeds the state, so padding changes nothing.
        padding = -length % chunk
        padded, dt, B, C = (_pad_steps(tensor, padding) for tensor in (u, dt, B, C))
        stride = chunk * CHUNKS_AT_ONCE
        outputs = []
        for start in range(0, length, stride):
            part = slice(start, start + stride)
            y, state = _chunks(
                padded[:, part], dt[:, part], A, B[:, part], C[:, part], state, chunk
            )
            outputs.append(y)
        y = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
        return (y[:, :length] + D[:, None] * u).to(x.dtype), state


def _chunks(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor, chunk: int
) -> tuple[Tensor, Tensor]:
    """State-space duality over a whole number of chunks."""
    batch, length, heads, headdim = x.shape
    count, d_state = length // chunk, B.shape[-1]
    # (batch, count, heads, chunk, headdim) and (batch, count, heads, chunk)
    u = (x * dt[..., None]).reshape(batch, count, chunk, heads, headdim).transpose(2, 3)
    log_decay = (dt * A).reshape(batch, count, chunk, heads).transpose(2, 3).cumsum(-1)
    B = B.reshape(batch, count, chunk, d_state)
    C = C.reshape(batch, count, chunk, d_state)

    # Within a chunk: each step reads every earlier one through the decay between them.
    between = log_decay[..., :, None] - log_decay[..., None, :]
    causal = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).tril()
    # Masked before the exponential: above the diagonal it would overflow.
    decay = torch.exp(between.masked_fill(~causal, -torch.inf))
    weights = (C @ B.transpose(-1, -2))[:, :, None] * decay
    within = weights @ u

    # What each chunk leaves behind, and how the chunks before it reach each chunk's start.
    to_end = torch.exp(log_decay[..., -1:] - log_decay)
    left = (u * to_end[..., None]).transpose(-1, -2) @ B[:, :, None]
    starts, final = _join(left, log_decay[..., -1], state)

    carried = (C[:, :, None] @ starts.transpose(-1, -2)) * torch.exp(log_decay)[..., None]
    y = (within + carried).transpose(2, 3).reshape(batch, length, heads, headdim)
    return y, final


def _join(left: Tensor, chunk_decay: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """States at the start of each chunk and after the last, as one product with the decays between
    chunks."""
    batch, count, heads, headdim, d_state = left.shape
    total = F.pad(chunk_decay.transpose(1, 2).cumsum(-1), (1, 0))
    between = total[..., :, None] - total[..., None, :]
    causal = torch.ones(count + 1, count + 1, dtype=torch.bool, device=left.device).tril()
    decay = torch.exp(between.masked_fill(~causal, -torch.inf))
    entering = torch.cat([state[:, None], left], 1).transpose(1, 2).flatten(-2)
    states = (decay @ entering).reshape(batch, heads, count + 1, headdim, d_state)
    return states[:, :, :-1].transpose(1, 2), states[:, :, -1]


def _prepare(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Everything in float32 (float64 where the input is), with a state to begin from."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    u, dt, A, B, C, D = (tensor.to(dtype) for tensor in (x, dt, A, B, C, D))
    if state is None:
        batch, _, heads, headdim = x.shape
        state = u.new_zeros(batch, heads, headdim, B.shape[-1])
    return u, dt, A, B, C, D, state.to(dtype)


def _pad_steps(tensor: Tensor, steps: int) -> Tensor:
    return F.pad(tensor, (0, 0) * (tensor.dim() - 2) + (0, steps)) if steps else tensor


def auto(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The fastest form this machine has for where the tensor lies; the choice is logged once."""
    return resolve(auto, x)(x, dt, A, B, C, D, initial_state)


def fused(*arguments: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """`auto`, for layers too wide for the fused CUDA layer; the narrow ones ask for no scan."""
    return auto(*arguments, **options)


def resolve(scan: Scan, x: Tensor, *, as_operator: bool = False) -> Scan:
    """What `auto` stands for with this tensor; any other scan is itself.

    Args:
        scan: a form of the scan.
        x: what it shall run on; float64 is for the chunked form alone.
        as_operator: the caller runs the native form as a registered operator of torch, which a
            compiled model may keep: see `native_can_take`. All else that traces gets the chunked
            form, in which a compiler sees every step.
    """
    if scan not in (auto, fused):
        return scan
    if x.dtype == torch.float64:
        return chunked
    if not is_tracing():
        return _best_on(x.device.type)
    stays = as_operator and native_can_take(x, as_operator=True)
    return native_scan if stays else chunked


@cache
def _best_on(device_type: str) -> Scan:
    name, scan = "chunked", cast(Scan, chunked)
    if device_type == "cuda" and (kernels := _find_kernels()):
        name, scan = "kernels", kernels
    elif device_type == "cpu" and (native := _find_native()):
        name, scan = "native", native
    _log.info("selective scan on %s: %s", device_type, name)
    return scan


def _find_native() -> Scan | None:
    """The compiled CPU scan, where a C compiler is present."""
    return native_scan if native_available() else None


def _find_kernels() -> Scan | None:
    """The Triton scan of mamba-ssm, where it loads."""
    return kernel_scan if kernels_available() else None


def _find_fused() -> Scan | None:
    """The fused layer's mode, where Triton and a CUDA device are."""
    return fused if torch.cuda.is_available() and fused_available() else None


def select_scan(mode: str) -> Scan:
    """The scan of that name.

    Args:
        mode: `auto`, `reference`, `chunked`, `native` (compiled C, CPU), `kernels` (mamba-ssm,
            CUDA) or `fused` (our own layer in Triton where a stream is narrow, CUDA).

    Raises:
        UnknownScan: the name is none of these.
        ScanUnavailable: `native`, `kernels` or `fused` cannot run here; they are never replaced
            quietly.
    """
    if mode not in MODES:
        raise UnknownScan(
            f"one of {', '.join(MODES)}", repr(mode), "Set model.scan to one of them."
        )
    plain: dict[str, Scan] = {"auto": auto, "reference": reference, "chunked": chunked}
    if mode in plain:
        return plain[mode]
    finders: dict[str, tuple[Callable[[], Scan | None], str]] = {
        "native": (_find_native, "a C compiler"),
        "kernels": (_find_kernels, "a CUDA device with mamba-ssm and Triton"),
        "fused": (_find_fused, "a CUDA device with Triton 3.2 or newer"),
    }
    find, needs = finders[mode]
    if (scan := find()) is None:
        raise ScanUnavailable(
            needs,
            f"none on this machine, for model.scan={mode}",
            "Install it (`brainbrr doctor` says what is missing), or use model.scan=auto: "
            "the numbers are the same.",
        )
    return scan
