"""What the fused layer's Triton kernels are made of; see `forward`. Needs Triton.

Rows of a tile are steps in the direction's order, columns features, padded with zeros to what a
tensor core takes: M for d_model, N for d_inner, S for d_state. Decays and step sizes are repeated
for each feature of a head.
"""

import triton
import triton.language as tl


@triton.jit
def product(a, b, PRECISION: tl.constexpr):
    """Return a @ b in float32, of operands rounded to PRECISION: ieee (not at all), tf32, bf16."""
    if PRECISION == "bf16":
        return tl.dot(a.to(tl.bfloat16), b.to(tl.bfloat16))
    else:  # noqa: RET505  # what follows a return is compiled all the same
        return tl.dot(a, b, input_precision=PRECISION)


@triton.jit
def add_product(total, a, b, PRECISION: tl.constexpr):
    """Return `total + product(a, b)`."""
    if PRECISION == "bf16":
        return tl.dot(a.to(tl.bfloat16), b.to(tl.bfloat16), total)
    else:  # noqa: RET505  # as above
        return tl.dot(a, b, total, input_precision=PRECISION)


@triton.jit
def rows_of(base, step, column, n_frames, WIDTH: tl.constexpr, REVERSE: tl.constexpr):
    """Return addresses of the steps' rows, and which of them exist."""
    frame = n_frames - 1 - step if REVERSE else step
    exists = ((step >= 0) & (step < n_frames))[:, None] & (column < WIDTH)[None, :]
    return base + frame[:, None] * WIDTH + column[None, :], exists


@triton.jit
def vector(base, index, n):
    """Load a weight of n numbers."""
    return tl.load(base + index, mask=index < n, other=0.0)


@triton.jit
def matrix(base, row, column, n_rows, n_columns):
    """Load the transpose, `(column, row)`, of a weight stored by rows."""
    exists = (column < n_columns)[:, None] & (row < n_rows)[None, :]
    return tl.load(base + row[None, :] * n_columns + column[:, None], mask=exists, other=0.0)


@triton.jit
def repeated(base, inner, D_INNER: tl.constexpr, HEADDIM: tl.constexpr):
    """Load a weight of each head, for each of its features."""
    return tl.load(base + inner // HEADDIM, mask=inner < D_INNER, other=0.0)


@triton.jit
def step_matrix(
    in_proj,
    model,
    inner,
    D_MODEL: tl.constexpr,
    D_INNER: tl.constexpr,
    D_STATE: tl.constexpr,
    HEADDIM: tl.constexpr,
):
    """Load the projection to step sizes, repeated for each feature of a head, transposed."""
    # A head's row for each of its features: step sizes then need no exchange between threads.
    row = 2 * D_INNER + 2 * D_STATE + inner // HEADDIM
    exists = (model < D_MODEL)[:, None] & (inner < D_INNER)[None, :]
    return tl.load(in_proj + row[None, :] * D_MODEL + model[:, None], mask=exists, other=0.0)


@triton.jit
def normed_rows(
    base,
    step,
    model,
    n_frames,
    weight,
    bias,
    eps,
    D_MODEL: tl.constexpr,
    REVERSE: tl.constexpr,
):
    """Return the layer norm of the input's rows: with weight and bias, without, and its scale."""
    address, exists = rows_of(base, step, model, n_frames, D_MODEL, REVERSE)
    rows = tl.load(address, mask=exists, other=0.0).to(tl.float32)
    # Padding is zero, and its distance from the mean is not: it would count in the variance.
    away = tl.where(exists, rows - tl.sum(rows, 1)[:, None] / D_MODEL, 0.0)
    scale = tl.rsqrt(tl.sum(away * away, 1) / D_MODEL + eps)
    unit = away * scale[:, None]
    return tl.where(exists, unit * weight[None, :] + bias[None, :], 0.0), unit, scale


@triton.jit
def tile_inputs(
    x,
    now,
    n_frames,
    in_proj,
    conv_weight,
    conv_bias,
    dt_bias,
    norm_weight,
    norm_bias,
    norm_eps,
    D_MODEL: tl.constexpr,
    D_INNER: tl.constexpr,
    D_STATE: tl.constexpr,
    HEADDIM: tl.constexpr,
    D_CONV: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    S: tl.constexpr,
    REVERSE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Return norm and projections of a tile: the normed rows, x, B and C after the causal
    convolution and before SiLU, step sizes before softplus and after.

    Earlier steps are read and normed again, which costs less than to move rows between threads.
    """
    model, inner, memory = tl.arange(0, M), tl.arange(0, N), tl.arange(0, S)
    W_x = matrix(in_proj + D_INNER * D_MODEL, inner, model, D_INNER, D_MODEL)
    W_B = matrix(in_proj + 2 * D_INNER * D_MODEL, memory, model, D_STATE, D_MODEL)
    W_C = matrix(in_proj + (2 * D_INNER + D_STATE) * D_MODEL, memory, model, D_STATE, D_MODEL)
    x_conv = tl.zeros((now.shape[0], N), tl.float32) + vector(conv_bias, inner, D_INNER)[None, :]
    B_conv = tl.zeros((now.shape[0], S), tl.float32)
    B_conv += vector(conv_bias + D_INNER, memory, D_STATE)[None, :]
    C_conv = tl.zeros((now.shape[0], S), tl.float32)
    C_conv += vector(conv_bias + D_INNER + D_STATE, memory, D_STATE)[None, :]
    for lag in tl.static_range(D_CONV):
        normed, _, _ = normed_rows(
            x, now - lag, model, n_frames, norm_weight, norm_bias, norm_eps, D_MODEL, REVERSE
        )
        tap = conv_weight + D_CONV - 1 - lag
        x_conv += product(normed, W_x, PRECISION) * tap_of(tap, inner, 0, D_INNER, D_CONV)
        B_conv += product(normed, W_B, PRECISION) * tap_of(tap, memory, D_INNER, D_STATE, D_CONV)
        C_conv += product(normed, W_C, PRECISION) * tap_of(
            tap, memory, D_INNER + D_STATE, D_STATE, D_CONV
        )
    normed, _, _ = normed_rows(
        x, now, model, n_frames, norm_weight, norm_bias, norm_eps, D_MODEL, REVERSE
    )
    W_dt = step_matrix(in_proj, model, inner, D_MODEL, D_INNER, D_STATE, HEADDIM)
    raw_dt = product(normed, W_dt, PRECISION) + dt_bias
    return normed, x_conv, B_conv, C_conv, raw_dt, step_sizes(raw_dt, now, n_frames)


@triton.jit
def tap_of(tap, channel, first, n, D_CONV: tl.constexpr):
    """Load one tap of the convolution for channels from `first`, as a row."""
    return tl.load(tap + (first + channel) * D_CONV, mask=channel < n, other=0.0)[None, :]


@triton.jit
def step_sizes(raw, now, n_frames):
    """Return softplus of the projection; 0 for steps that do not exist, which then change nothing.

    The series is that of 2 artanh(s): near 1 the hardware's logarithm has no relative precision.
    """
    small = tl.exp(-tl.abs(raw))
    s = small / (2.0 + small)
    q = s * s
    series = 1.0 / 13 + q * (1.0 / 15)
    series = 1.0 / 11 + q * series
    series = 1.0 / 9 + q * series
    series = 1.0 / 7 + q * series
    series = 1.0 / 5 + q * series
    series = 1.0 / 3 + q * series
    softplus = tl.maximum(raw, 0.0) + 2.0 * s * (1.0 + q * series)
    return tl.where((now < n_frames)[:, None], softplus, 0.0)


@triton.jit
def decay_between(log_decay, inner, head, HEADDIM: tl.constexpr):
    """Return how much of each step's input is left at each later one, for a head."""
    of_head = tl.where((inner == head * HEADDIM)[None, :], log_decay, 0.0)
    later = tl.sum(of_head, 1)[:, None]
    earlier = tl.sum(tl.trans(of_head), 0)[None, :]
    step = tl.arange(0, log_decay.shape[0])
    # Masked before the exponential: above the diagonal it would overflow.
    causal = step[:, None] >= step[None, :]
    return tl.exp(tl.where(causal, later - earlier, float("-inf")))


@triton.jit
def silu(value):
    """Return value * sigmoid(value)."""
    return value * tl.sigmoid(value)


@triton.jit
def silu_slope(value):
    """Return the derivative of value * sigmoid(value)."""
    s = tl.sigmoid(value)
    return s * (1.0 + value * (1.0 - s))


@triton.jit
def dropout_factor(
    seed,
    sequence,
    step,
    column,
    n_frames,
    probability,
    WIDTH: tl.constexpr,
    REVERSE: tl.constexpr,
):
    """Return 0 or 1 / (1 - probability), by Philox: a function of seed and position alone."""
    frame = n_frames - 1 - step if REVERSE else step
    draw = tl.rand(tl.load(seed) + sequence, frame[:, None] * WIDTH + column[None, :])
    return tl.where(draw >= probability, 1.0 / (1.0 - probability), 0.0)


@triton.jit
def put_row(rows, index, row, values):
    """Add values to one row."""
    return rows + tl.where((index == row)[:, None], values[None, :], 0.0)


@triton.jit
def ring(base, step, column, WIDTH: tl.constexpr, RING: tl.constexpr):
    """Return addresses of steps' rows in a program's ring buffer, which holds the last RING."""
    return base + (step % RING)[:, None] * WIDTH + column[None, :]


@triton.jit
def convolution_backward(
    inside,
    now,
    first_column,
    projected,
    conv_weight,
    sums,
    index,
    channel,
    first,
    n,
    D_CONV: tl.constexpr,
    WIDTH: tl.constexpr,
    RING: tl.constexpr,
):
    """Return the gradient of the projection from that of the convolution, which is in `inside`; and
    `sums` with those of the taps (rows 0 to D_CONV - 1) and of the bias (row D_CONV) added."""
    d_projected = tl.zeros(projected.shape, tl.float32)
    for lag in tl.static_range(D_CONV):
        # A step fed the convolution of itself and of the D_CONV - 1 steps after it.
        address = ring(inside, now + lag, first_column + channel, WIDTH, RING)
        d_conv = tl.load(address).to(tl.float32)
        if lag == 0:
            sums = put_row(sums, index, D_CONV, tl.sum(d_conv, 0))
        d_projected += d_conv * tap_of(conv_weight + D_CONV - 1 - lag, channel, first, n, D_CONV)
        sums = put_row(sums, index, D_CONV - 1 - lag, tl.sum(projected * d_conv, 0))
    return d_projected, sums


@triton.jit
def store_sums(partial, sums, index, channel, first, n, n_channels, D_CONV: tl.constexpr):
    """Store taps and biases of a group of channels among all channels'."""
    row, column = index[:, None], first + channel[None, :]
    offset = tl.where(row < D_CONV, column * D_CONV + row, n_channels * D_CONV + column)
    exists = (row <= D_CONV) & (channel < n)[None, :]
    tl.store(partial + offset, sums, mask=exists)


@triton.jit
def store_matrix(partial, values, row, column, n_rows, n_columns):
    """Store the transpose of `(column, row)` values, by rows."""
    exists = (column < n_columns)[:, None] & (row < n_rows)[None, :]
    tl.store(partial + row[None, :] * n_columns + column[:, None], values, mask=exists)
