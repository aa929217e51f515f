"""The checks of `brainbrr doctor`: each reports a finding, with a remedy if something is broken."""

import importlib.util
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from brainbrr import __version__
from brainbrr.data.corpora.cache import open_signal
from brainbrr.data.corpora.manifest import read_manifest
from brainbrr.errors import BrainbrrError, Unavailable
from brainbrr.export.parity import agreements
from brainbrr.export.szcore_rehearsal import rehearse
from brainbrr.inference.recordings import find_jobs
from brainbrr.inference.tiling import LONG
from brainbrr.kernels import ops
from brainbrr.models.mamba2 import BiMamba2
from brainbrr.models.sequence import ResidualBiMamba2
from brainbrr.release.artifact import load_release, selftest
from brainbrr.release.selftest import TOLERANCE

SCAN_TOLERANCE = 1e-3
"""Largest relative difference of a gradient from the plain recurrence, in float32."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        what: the subject of the check.
        healthy: False if it is broken; None if it is absent and not needed, or a measurement.
        detail: the finding.
        remedy: what to do if it is broken.
    """

    what: str
    healthy: bool | None
    detail: str
    remedy: str = ""


def check_versions() -> Iterator[Finding]:
    """Report the versions of this package, Python and torch, and the device."""
    yield Finding("brainbrr", True, f"{__version__}, Python {platform.python_version()}")
    device = "no GPU"
    if torch.cuda.is_available():
        device = f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}"
    elif torch.backends.mps.is_available():
        device = "Apple GPU (MPS)"
    yield Finding(
        "torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads, {device}"
    )


def check_scans(device: str) -> Iterator[Finding]:
    """Compare each form of Mamba-2 with the plain recurrence, forward and backward."""
    for form in ("chunked", "c", "mamba_ssm"):
        yield _check_form(f"scan {form}", form, device)


def check_fused_layer(device: str) -> Iterator[Finding]:
    """Compare the fused edge layer with the plain recurrence, forward and backward."""
    yield _check_form("fused edge layer", "triton", device)


def _check_form(what: str, form: str, device: str) -> Finding:
    """Compare a form by what its kernel computes: a scan, or a layer."""
    run = _layer_and_gradients if form in {"c", "triton"} else _scan_and_gradients
    try:
        if form == "c" and device != "cpu":
            raise Unavailable("a CPU", device, "Use device=cpu.")
        found = run(form, device)
    except Unavailable as error:
        return Finding(what, None, f"absent ({error.expected}); auto uses another, same numbers")
    return _compared(what, found, run("reference", device))


def _compared(what: str, found: list[Tensor], expected: list[Tensor]) -> Finding:
    """Compare a result and its gradients with those of the recurrence."""
    differences = [
        float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-6))
        for ours, theirs in zip(found, expected, strict=True)
    ]
    return Finding(
        what,
        max(differences) <= SCAN_TOLERANCE,
        f"off the recurrence by {differences[0]:.1e}, gradients {max(differences[1:]):.1e}",
        f"Use model.scan=chunked and report this: {what} is wrong on this machine.",
    )


def _narrow_layer(scan: str, device: str) -> tuple[ResidualBiMamba2, Tensor]:
    """Return a layer of V3's edge stream, with the same weights in each form, and its input."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = ResidualBiMamba2(16, BiMamba2(16, d_state=8, headdim=4, scan=scan), dropout=0.0)
        inputs = torch.randn(3, 200, 16)
    return layer.to(device), inputs.to(device)


def _layer_and_gradients(form: str, device: str) -> list[Tensor]:
    layer, inputs = _narrow_layer(form, device)
    leaf = inputs.clone().requires_grad_()
    output = layer(leaf)
    gradients = torch.autograd.grad(output.square().sum(), [leaf, *layer.parameters()])
    return [tensor.detach().cpu() for tensor in (output, *gradients)]


def _scan_and_gradients(form: str, device: str) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    batch, length, heads, headdim, d_state = 2, 100, 8, 8, 8
    x = torch.randn(batch, length, heads, headdim, generator=generator)
    dt = torch.rand(batch, length, heads, generator=generator) * 0.1 + 0.01
    A = -torch.rand(heads, generator=generator) - 0.5
    B, C = torch.randn(2, batch, length, 1, d_state, generator=generator)
    D = torch.randn(heads, generator=generator)
    inputs = [tensor.to(device).requires_grad_() for tensor in (x, dt, A, B, C, D)]
    y, _ = ops.scan_function(ops.select_scan(form))(*inputs)
    gradients = torch.autograd.grad(y.square().sum(), inputs)
    return [tensor.detach().cpu() for tensor in (y, *gradients)]


def check_corpora(folders: list[str]) -> Iterator[Finding]:
    """Check that each folder exists and can be listed."""
    for folder in folders:
        path = Path(folder)
        readable = path.is_dir() and next(path.iterdir(), None) is not None
        detail = "readable" if readable else "missing or empty"
        yield Finding(f"corpus {folder}", readable, detail, "Mount it, or correct its path.")


def check_caches(cache_root: str, *, verify: bool) -> Iterator[Finding]:
    """Check every manifest under the cache: rows are readable, signals match their digests."""
    manifests = sorted(Path(cache_root).rglob("manifest.jsonl"))
    if not manifests:
        yield Finding("cache", None, f"nothing cached in {cache_root}")
    for manifest in manifests:
        rows = read_manifest(manifest)
        stale = []
        for row in rows:
            try:
                open_signal(row, manifest.parent, verify=verify)
            except BrainbrrError as error:
                stale.append(str(error))
        yield Finding(
            f"cache {manifest.parent}",
            not stale,
            stale[0] if stale else f"{len(rows)} recordings{', digests match' if verify else ''}",
            "Run `brainbrr prepare prepare.rebuild=true` on that corpus.",
        )


def check_detector(folder: str | None, device: str) -> Iterator[Finding]:
    """Run a detector's self-test: compare its probabilities with those it was released with."""
    if folder is None:
        return
    try:
        difference = selftest(folder, load_release(folder, device=device, check=False))
    except BrainbrrError as error:
        yield Finding(f"detector {folder}", False, str(error), error.remedy)
        return
    yield Finding(
        f"detector {folder}",
        difference <= TOLERANCE,
        f"self-test: largest difference {difference:.1e}",
        "Do not trust its events here; try device=cpu, and report this.",
    )


def measure_ways(folder: str | None, source: str | None, device: str) -> Iterator[Finding]:
    """Measure how bf16 and encode_once change the results on recordings."""
    if folder is None or source is None:
        return
    try:
        with tempfile.TemporaryDirectory() as nowhere:
            recordings = [job.source for job in find_jobs(source, nowhere)]
        detector = load_release(folder, device=device, check=False)
        forms = {
            "precision=bf16": detector.with_precision("bf16"),
            "tiling=long": detector.with_tiling(LONG),
        }
        found = agreements(list(forms.values()), detector, recordings)
    except BrainbrrError as error:
        yield Finding("bf16, long", False, str(error), error.remedy)
        return
    for way, difference in zip(forms, found, strict=True):
        yield Finding(way, None, str(difference))


def check_szcore(folder: str | None) -> Iterator[Finding]:
    """Run a benchmark entry as the benchmark would."""
    if folder is None:
        return
    try:
        for step in rehearse(folder):
            remedy = "Export it again with `brainbrr export format=szcore`."
            yield Finding(f"szcore: {step.what}", step.passed, step.detail, remedy)
    except BrainbrrError as error:
        yield Finding("szcore", False, str(error), error.remedy)


def check_modal() -> Iterator[Finding]:
    """Check whether sweeps on Modal can start from here."""
    if importlib.util.find_spec("modal") is None:
        yield Finding("modal", None, "not installed (needed only for sweeps on Modal)")
        return
    from brainbrr.sweeps.modal.client import has_token

    token = has_token()
    detail = "token found" if token else "installed, no token (needed only for sweeps on Modal)"
    yield Finding("modal", True if token else None, detail)
