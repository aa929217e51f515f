"""Mamba-1 (Gu and Dao 2023) in plain torch, step by step: its authors' kernel is CUDA only.

Axes: (sequences, steps, features).
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Mamba1(nn.Module):
    """One direction, with the authors' sizes: each feature has a memory and decays of its own."""

    def __init__(self, d_model, d_state=16, d_conv=4, expand=2):
        super().__init__()
        self.d_inner, self.d_state = expand * d_model, d_state
        self.dt_rank = math.ceil(d_model / 16)
        self.in_proj = nn.Linear(d_model, 2 * self.d_inner, bias=False)
        self.convolution = nn.Conv1d(
            self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1
        )
        self.x_proj = nn.Linear(self.d_inner, self.dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.dt_rank, self.d_inner)
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(self.d_inner, 1))
        self.D = nn.Parameter(torch.ones(self.d_inner))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def forward(self, sequences):
        """Features of the same shape, each step having seen itself and what came before."""
        x, gate = self.in_proj(sequences).chunk(2, -1)
        convolved = self.convolution(x.transpose(1, 2))[..., : x.shape[1]]
        x = F.silu(convolved).transpose(1, 2)
        sizes = [self.dt_rank, self.d_state, self.d_state]
        rank, B, C = self.x_proj(x).split(sizes, -1)
        y = scan(x, F.softplus(self.dt_proj(rank)), -self.A_log.exp(), B, C)
        return self.out_proj((y + self.D * x) * F.silu(gate))


def scan(x, dt, A, B, C):
    """`state = exp(dt A) state + dt x B` and `y = state C`, one step after the other.

    x and dt (sequences, steps, d_inner), A (d_inner, d_state), B and C (sequences, steps, d_state).
    Of four ways to lay this out the fastest: features last, and no decay kept but the step's own.
    """
    A = A.t().contiguous()
    entering, dt, B, C = (values.transpose(0, 1).contiguous() for values in (dt * x, dt, B, C))
    state = x.new_zeros(x.shape[0], *A.shape)
    outputs = []
    for drive, size, write, read in zip(entering, dt, B, C, strict=True):
        decay = torch.exp(size[:, None] * A)
        state = torch.addcmul(write[..., None] * drive[:, None], decay, state)
        outputs.append((read[:, None] @ state).squeeze(1))
    return torch.stack(outputs, 1)
