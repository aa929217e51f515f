"""Compiles the C kernels with the machine's own compiler at first use, and keeps them in a cache.

The key holds the sources, the flags, the compiler's version and the CPU's features as the compiler
sees them: a home folder shared by different machines never gives one machine's code to another.
"""

import ctypes
import functools
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import torch

from brainbrr.errors import Unavailable

SOURCE_FOLDER = Path(__file__).parent / "src"
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi", "-fPIC")
CPU_FLAGS = (("-march=native",), ("-mcpu=native",), ())
COMPILE_TIMEOUT_S = 180
OPENMP_RUNTIMES = ("libgomp", "libiomp5", "libomp")

logger = logging.getLogger(__name__)


class NoCKernels(Unavailable):
    """No C kernels on this machine; the chunked scan gives the same numbers, slower."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "a C compiler that builds the kernels",
            reason,
            "Install a C compiler (cc, gcc or clang), or choose model.scan=chunked.",
        )


@functools.cache
def load_library() -> ctypes.CDLL | NoCKernels:
    """Return the compiled kernels, or the reason why there are none (logged once)."""
    try:
        library = _open(_sources())
        # At once: a kernel that ran before would have started threads of its own.
        _join_torchs_threads(library)
        return library
    except NoCKernels as refusal:
        logger.warning("C kernels unavailable: %s", refusal.got)
        return refusal


def _join_torchs_threads(library: ctypes.CDLL) -> None:
    """Let the kernels run on the threads that torch keeps, if its OpenMP runtime is found.

    Threads of our own would wait for a CPU that one of torch's holds: after each operation they
    spin for a while, in case another follows.
    """
    team = _find_team()
    if team is not None and hasattr(library, "brainbrr_use_team"):
        library.brainbrr_use_team(team)
        logger.debug("the C kernels run on torch's threads")


def _find_team() -> ctypes.c_void_p | None:
    """Return `GOMP_parallel` of the OpenMP runtime that torch has loaded; Linux only."""
    torchs = Path(torch.__file__).resolve().parent
    ours = (torchs, torchs.with_name("torch.libs"))
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for path in sorted({line.split(maxsplit=5)[-1] for line in mapped.splitlines()}):
        name = Path(path).name
        if name.startswith(OPENMP_RUNTIMES) and any(map(Path(path).is_relative_to, ours)):
            with suppress(OSError):  # Replaced on disk since it was loaded.
                runtime = ctypes.CDLL(path)
                if hasattr(runtime, "GOMP_parallel"):
                    return ctypes.cast(runtime.GOMP_parallel, ctypes.c_void_p)
    return None


def cache_folder() -> Path:
    """Return where this user's caches live, by the XDG base directory specification.

    The one environment variable this package reads: the specification leaves no other way to learn
    the place, and the kernels must load without a configuration (a model in a notebook).
    Relative values are ignored, as it demands.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    root = named if named.is_absolute() else Path(os.path.expanduser("~/.cache"))  # noqa: PTH111
    if not root.is_absolute():
        raise FileNotFoundError("this user has no home folder")
    return root / "brainbrr" / "native"


def _open(sources: list[Path]) -> ctypes.CDLL:
    compiler, flags, machine = _choose_compiler()
    try:
        target = cache_folder() / f"{_digest(sources, flags, machine)}.so"
        if not target.exists():
            _compile(target, compiler, flags, sources)
        return ctypes.CDLL(str(target))
    except OSError as error:
        logger.warning("C kernels compiled for this run only, the cache cannot be used: %s", error)
    return _open_uncached(compiler, flags, sources)


def _open_uncached(compiler: str, flags: tuple[str, ...], sources: list[Path]) -> ctypes.CDLL:
    try:
        with tempfile.TemporaryDirectory(prefix="brainbrr-") as folder:
            target = Path(folder) / "kernels.so"
            _compile(target, compiler, flags, sources)
            return ctypes.CDLL(str(target))
    except OSError as error:
        raise NoCKernels(f"no folder to compile in or load from: {error}") from error


def _sources() -> list[Path]:
    return sorted(path for path in SOURCE_FOLDER.iterdir() if path.suffix in {".c", ".h"})


def _choose_compiler() -> tuple[str, tuple[str, ...], bytes]:
    """Return the first compiler that answers, flags it takes, and its predefined macros.

    The macros name its version and each feature of this CPU.
    """
    found = [path for name in COMPILERS if (path := shutil.which(name))]
    if not found:
        raise NoCKernels(f"none of {', '.join(COMPILERS)} on the search path")
    for compiler in found:
        for cpu in CPU_FLAGS:
            flags = (*FLAGS, *cpu)
            answer = _run([compiler, *flags, "-dM", "-E", "-x", "c", os.devnull])
            if answer.returncode == 0:
                return compiler, flags, answer.stdout
    raise NoCKernels(f"{found[0]} does not run: {_last_line(answer.stderr)}")


def _digest(sources: list[Path], flags: tuple[str, ...], machine: bytes) -> str:
    digest = hashlib.sha256(machine + " ".join(flags).encode())
    for path in sources:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def _compile(target: Path, compiler: str, flags: tuple[str, ...], sources: list[Path]) -> None:
    """Compile in a folder of our own, then rename: others see a complete library or none."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    logger.info("compiling the C kernels with %s, once on this machine", compiler)
    with tempfile.TemporaryDirectory(prefix=f"{target.stem}-", dir=target.parent) as folder:
        units = {path: f"{folder}/{path.stem}.o" for path in sources if path.suffix == ".c"}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(
                pool.map(
                    lambda unit: _build([compiler, *flags, "-c", str(unit), "-o", units[unit]]),
                    units,
                )
            )
        library = Path(folder) / "kernels.so"
        _build([compiler, "-shared", *units.values(), "-o", str(library), "-lpthread"])
        # On disk before it has its name: a power cut must not leave the name of half a library.
        with library.open("rb") as compiled:
            os.fsync(compiled.fileno())
        library.replace(target)


def _build(command: list[str]) -> None:
    answer = _run(command)
    if answer.returncode != 0:
        raise NoCKernels(f"{command[0]} failed: {_last_line(answer.stderr)}")


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, capture_output=True, timeout=COMPILE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, b"", str(error).encode())


def _last_line(text: bytes) -> str:
    """Return the line of a compiler's complaint that contains `error`, otherwise its last."""
    lines = [line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no message"])[-1]
