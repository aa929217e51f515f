"""What runs inside a container: runs the command as a subprocess that checkpoints on SIGTERM.

The request holds all that differs between jobs. Only the standard library is imported at the start,
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
"""Exit code of a run that saved itself on request and can be resumed."""
GRACE_S = 25.0
"""Modal takes a preempted container away 30 s after its SIGINT."""
POLL_S = 0.2
NOTE_S = 5.0
TAIL_LINES = 40
_COUNTED = threading.Event()


class Continues(Exception):
    """The time of one attempt is up and the run is saved: Modal retries a call that raises."""


@dataclass
class Ending:
    """Why the subprocess was asked to end, if it was, and how it ended."""

    reason: str = ""
    exit_code: int = 0
    tail: str = ""


def run_job(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run one `brainbrr` command to its end, or as far as this container may.

    A job that another call has claimed is left to it; the result of a finished job is read from its
    folder; a job whose budget is spent is not started. The time used is written into the run
    folder, so that the next container continues counting.

    Returns:
        `state`: finished, failed, out_of_budget or duplicate; with `exit_code`, `seconds`, `tail`
        and the small `files` of the run folder.

    Raises:
        Continues: the run was saved because the attempt's time was up.
        KeyboardInterrupt: the run was saved because the container is preempted.
    """
    # The claim comes first: of two calls that were sent for one attempt, one alone goes further.
    owner = _claimed(request)
    if owner is not None:
        return {"state": "duplicate", "call_id": owner}
    # A container that was started before another one committed sees the state of that time.
    _each_volume(request, "reload")
    run_dir = Path(request["run_dir"])
    run_dir.mkdir(parents=True, exist_ok=True)
    if (run_dir / RESULT).exists():
        return {**json.loads((run_dir / RESULT).read_text()), **_files(run_dir, request)}
    before_s = _used_s(run_dir) + request["startup_s"] + _uncounted_s()
    limit_s = min(request["attempt_s"], request["budget_s"] - before_s)
    ending = Ending("budget", SAVED) if limit_s <= 0 else None
    with _noted_signals() as signals:
        try:
            if ending is None:
                ending = _run(request, run_dir, signals, limit_s, before_s)
        finally:
            _each_volume(request, "commit")
    out_of_time = ending.reason == "time" and limit_s < request["attempt_s"]
    # Raising makes Modal run the same input again, in another container. A subprocess that reached
    # its end in the meantime (exit code 0) has a result instead.
    if ending.exit_code != 0 and ending.reason == "preempted":
        raise KeyboardInterrupt
    if ending.exit_code == SAVED and not ending.reason:
        raise Continues("asked to save by another process")
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
    request: Mapping[str, Any], run_dir: Path, signals: list[int], limit_s: float, before_s: float
) -> Ending:
    """Run the subprocess to its end; ask it to save when its time is up or on preemption."""
    began = time.monotonic()
    environment = {
        **os.environ,
        "TRITON_CACHE_DIR": str(run_dir / "triton"),
        "PYTHONUNBUFFERED": "1",
    }
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
            if signals:
                ending.reason = "preempted"
            elif now - began > limit_s:
                ending.reason = "time"
            elif now - noted > NOTE_S:
                noted = now
                # Ahead by one interval: if the machine dies, no time it used goes uncounted.
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
    """Send SIGTERM, wait while it saves, then send SIGKILL to its process group."""
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _arguments(request: Mapping[str, Any], run_dir: Path) -> list[str]:
    """Return the command's arguments, or those that resume it if there is a checkpoint."""
    arguments = list(request["arguments"])
    if arguments[0] == "train" and (run_dir / "checkpoints" / "last.ckpt").exists():
        return ["train", f"resume={run_dir}"]
    return arguments


def _copy(child: subprocess.Popen[bytes], path: Path, tail: deque[bytes]) -> None:
    """Tee the subprocess's output to the container's log, the run folder and the tail."""
    assert child.stdout is not None
    with child.stdout as output, path.open("ab") as file:
        for line in output:
            tail.append(line)
            file.write(line)
            file.flush()
            sys.stdout.buffer.write(line)
            sys.stdout.flush()


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Collect signals that ask this container to end, instead of acting on them."""
    signals: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    # Python delivers signals to the main thread alone, and refuses handlers elsewhere.
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _uncounted_s() -> float:
    """Return the seconds since this process began, once: imports are billed too."""
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
    """Return the small files to download, and the names of those that are too large."""
    files, left_out, room = {}, [], request["download_bytes"]
    for path in sorted({path for glob in request["download"] for path in run_dir.glob(glob)}):
        name, size = path.relative_to(run_dir).as_posix(), path.stat().st_size
        if size > room:
            left_out.append(name)
            continue
        room -= size
        files[name] = path.read_bytes()
    return {"files": files, "left_out": left_out}


def _claimed(request: Mapping[str, Any]) -> str | None:
    """Return the call that has claimed this attempt, or None if it is this one."""
    if not request["claims"]:
        return None
    import modal

    call_id = modal.current_function_call_id()
    claims: Any = modal.Dict.from_name(request["claims"], create_if_missing=True)
    if claims.put(request["claim"], call_id, skip_if_exists=True):
        return None
    # A retry after a preemption is the same call, and finds its own claim.
    owner = str(claims.get(request["claim"]))
    return None if owner == call_id else owner


def _each_volume(request: Mapping[str, Any], what: str) -> None:
    """Commit this container's writes, or reload those of others."""
    if not request["volumes"]:
        return
    import modal

    for name in request["volumes"]:
        act: Callable[[], Any] = getattr(modal.Volume.from_name(name), what)
        act()
