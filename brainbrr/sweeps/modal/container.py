"""What runs inside a container: the same command as here, as a child that may be asked to save.

Everything is told by the request; nothing but the standard library is imported until it is needed,
so that a container is ready soon.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from brainbrr.atomic_io import atomic_write

RESULT, USAGE, CONSOLE = "result.json", "usage.json", "console.log"
SAVED = 75
"""Exit code of a run that was asked to go and can be resumed."""
GRACE_S = 25.0
"""Modal takes a preempted container away 30 s after its SIGINT."""
POLL_S = 0.2
NOTE_S = 5.0
TAIL_LINES = 40
_COUNTED = threading.Event()


class Continues(Exception):
    """The time of one attempt is up and the run is saved: the platform is to run it again."""


@dataclass
class Ending:
    """Why a child was asked to end, if it was, and how it ended."""

    reason: str = ""
    exit_code: int = 0
    tail: str = ""


def train(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run `brainbrr train`, resumed where the run folder has a checkpoint."""
    return run_job(request)


def evaluate(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run `brainbrr evaluate`."""
    return run_job(request)


def predict(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run `brainbrr predict`."""
    return run_job(request)


def prepare(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run `brainbrr prepare`, or one share of it."""
    return run_job(request)


def doctor(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run `brainbrr doctor`: kernels forward and backward, caches, corpora."""
    return run_job(request)


def run_job(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run one job to its end, or as far as this container may.

    A job that another call has claimed is left to it; a job that is finished is told from its
    folder; a job whose money is spent is not begun. What it used is written beside the run, so that
    the next container goes on counting.

    Returns:
        `state`: finished, failed, out_of_budget or duplicate; with `exit_code`, `seconds`, `tail`
        and the small `files` of the run folder.

    Raises:
        Continues: the run was saved because the attempt's time was up.
        KeyboardInterrupt: the run was saved because the container is taken away.
    """
    owner = _claimed(request)
    if owner is not None:
        return {"state": "duplicate", "call_id": owner}
    _each_volume(request, "reload")
    run_dir = Path(request["run_dir"])
    run_dir.mkdir(parents=True, exist_ok=True)
    if (run_dir / RESULT).exists():
        return {**json.loads((run_dir / RESULT).read_text()), **_files(run_dir, request)}
    before_s = _used_s(run_dir) + request["startup_s"] + _uncounted_s()
    limit_s = min(request["attempt_s"], request["budget_s"] - before_s)
    ending = Ending("budget", SAVED) if limit_s <= 0 else None
    with _asked_by_signal() as asked:
        try:
            if ending is None:
                ending = _run(request, run_dir, asked, limit_s, before_s)
        finally:
            _each_volume(request, "commit")
    out_of_time = ending.reason == "time" and limit_s < request["attempt_s"]
    if ending.exit_code != 0 and ending.reason == "preempted":
        raise KeyboardInterrupt
    if ending.exit_code == SAVED and not ending.reason:
        raise Continues("asked to save by somebody else")
    if ending.exit_code != 0 and ending.reason == "time" and not out_of_time:
        raise Continues(f"saved after {request['attempt_s']:.0f} s")
    state = "failed" if ending.exit_code else "finished"
    if ending.reason == "budget" or (out_of_time and ending.exit_code):
        state = "out_of_budget"
    result = {
        "state": state,
        "exit_code": ending.exit_code,
        "seconds": _used_s(run_dir),
        "tail": ending.tail,
    }
    if state == "finished":
        with atomic_write(run_dir / RESULT) as file:
            json.dump(result, file)
        _each_volume(request, "commit")
    return {**result, **_files(run_dir, request)}


def _run(
    request: Mapping[str, Any], run_dir: Path, asked: list[int], limit_s: float, before_s: float
) -> Ending:
    """The child, watched until it ends; asked to save when its time or its container goes."""
    began = time.monotonic()
    own = {"TRITON_CACHE_DIR": str(run_dir / "triton"), "PYTHONUNBUFFERED": "1"}
    environment = {**os.environ, **own}
    child = subprocess.Popen(
        [*request["program"], *_arguments(request, run_dir)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    _note_use(run_dir, before_s + NOTE_S)
    tail: deque[bytes] = deque(maxlen=TAIL_LINES)
    reader = threading.Thread(target=_copy, args=(child, run_dir / CONSOLE, tail), daemon=True)
    reader.start()
    ending, noted = Ending(), began
    try:
        while child.poll() is None and not ending.reason:
            now = time.monotonic()
            if asked:
                ending.reason = "preempted"
            elif now - began > limit_s:
                ending.reason = "time"
            elif now - noted > NOTE_S:
                noted = now
                # Ahead by one note: should the machine die, nothing it used goes uncounted.
                _note_use(run_dir, before_s + now - began + NOTE_S)
            with suppress(subprocess.TimeoutExpired):
                child.wait(0 if ending.reason else POLL_S)
    finally:
        _end(child)
        _note_use(run_dir, before_s + time.monotonic() - began)
    reader.join(GRACE_S)
    ending.exit_code = child.returncode
    ending.tail = b"".join(tail).decode(errors="replace")
    return ending


def _end(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM, time to save, then SIGKILL to all that it started."""
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _arguments(request: Mapping[str, Any], run_dir: Path) -> list[str]:
    """The command, or the one that goes on where a checkpoint lies."""
    arguments = list(request["arguments"])
    if arguments[0] == "train" and (run_dir / "checkpoints" / "last.ckpt").exists():
        return ["train", f"resume={run_dir}"]
    return arguments


def _copy(child: subprocess.Popen[bytes], path: Path, tail: deque[bytes]) -> None:
    """The child's words into the container's log, the run folder and the tail."""
    assert child.stdout is not None
    with child.stdout as words, path.open("ab") as file:
        for line in words:
            tail.append(line)
            file.write(line)
            file.flush()
            sys.stdout.buffer.write(line)
            sys.stdout.flush()


@contextmanager
def _asked_by_signal() -> Iterator[list[int]]:
    """Signals that ask this container to go, noted instead of acted upon."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _uncounted_s() -> float:
    """Seconds since this process began, the first time it is asked: imports are billed too."""
    if _COUNTED.is_set():
        return 0.0
    _COUNTED.set()
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def _used_s(run_dir: Path) -> float:
    path = run_dir / USAGE
    return float(json.loads(path.read_text())["seconds"]) if path.exists() else 0.0


def _note_use(run_dir: Path, seconds: float) -> None:
    with atomic_write(run_dir / USAGE) as file:
        json.dump({"seconds": seconds}, file)


def _files(run_dir: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """The small files that go home, and the names of those that are too large to."""
    files, left_out, room = {}, [], request["bring_home_bytes"]
    for path in sorted({path for glob in request["bring_home"] for path in run_dir.glob(glob)}):
        name, size = path.relative_to(run_dir).as_posix(), path.stat().st_size
        if size > room:
            left_out.append(name)
            continue
        room -= size
        files[name] = path.read_bytes()
    return {"files": files, "left_out": left_out}


def _claimed(request: Mapping[str, Any]) -> str | None:
    """The call that has this attempt already, or None where it is ours."""
    if not request["claims"]:
        return None
    import modal

    mine = modal.current_function_call_id()
    claims: Any = modal.Dict.from_name(request["claims"], create_if_missing=True)
    if claims.put(request["claim"], mine, skip_if_exists=True):
        return None
    owner = str(claims.get(request["claim"]))
    return None if owner == mine else owner


def _each_volume(request: Mapping[str, Any], what: str) -> None:
    """Commit what was written, or see what others wrote."""
    if not request["volumes"]:
        return
    import modal

    for name in request["volumes"]:
        act: Callable[[], Any] = getattr(modal.Volume.from_name(name), what)
        act()
