"""Every hostile detector is refused in one line, and nothing of it is imported, run or written."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType

import pytest

from brainbrr.errors import BrainbrrError
from brainbrr.release.artifact import load_release, selftest
from tests.release.hostile_detectors import CASES, OLDER_CASES, PWNED, Change

GOLDEN = Path(__file__).parent / "golden" / "schema_3"
OLDER_GOLDEN = GOLDEN.with_name("schema_2")
LIBRARIES = {"brainbrr", "torch", "numpy", "yaml", "safetensors", *sys.stdlib_module_names}
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.",
    "socket.", "pickle.find_class", "ctypes.", "shutil.", "os.rename", "os.remove", "os.rmdir",
    "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate", "os.putenv",
    "urllib.", "ftplib.", "http.", "webbrowser.", "code.__new__", "marshal.", "tempfile.",
)  # fmt: skip
WRITING = frozenset("wax+")


class Watch:
    """What the interpreter is asked to do beside computing, while it listens."""

    def __init__(self) -> None:
        self.listening = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.listening:
            return
        name = str(arguments[0]) if arguments else ""
        if (
            event.startswith(FORBIDDEN)
            or (event == "import" and name.partition(".")[0] not in LIBRARIES)
            or (event == "open" and _writes(arguments))
            or (event in {"exec", "compile"} and not _is_installed(arguments))
        ):
            self.seen.append(f"{event} {name}")


def _writes(arguments: tuple[object, ...]) -> bool:
    _, mode, flags = arguments
    return bool(WRITING & set(mode)) if isinstance(mode, str) else bool(int(str(flags)) & 3)


def _is_installed(arguments: tuple[object, ...]) -> bool:
    """Whether the code comes from a library that is installed, as when a module loads."""
    code = arguments[-1] if isinstance(arguments[-1], str) else arguments[0]
    place = code.co_filename if isinstance(code, CodeType) else str(code)
    return place.startswith("<frozen") or Path(place).is_file()


@pytest.fixture(scope="module")
def watch() -> Watch:
    # Our own kernels are compiled at first use: before anything is watched.
    selftest(GOLDEN, load_release(GOLDEN))
    return Watch()


@contextmanager
def listening(watch: Watch) -> Iterator[list[str]]:
    watch.seen.clear()
    watch.listening = True
    try:
        yield watch.seen
    finally:
        watch.listening = False


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No self-test is remembered from one case to the next; compiled kernels are."""
    folder = tmp_path_factory.mktemp("cache") / "native"
    monkeypatch.setattr("brainbrr.release.selftest.cache_folder", lambda: folder)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "detector"))


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_detector_is_refused_and_does_nothing(
    name: str, copy: Path, watch: Watch
) -> None:
    refuse(*CASES[name], copy, watch)


@pytest.mark.parametrize("name", OLDER_CASES)
def test_a_hostile_detector_of_an_older_schema_is_refused_and_does_nothing(
    name: str, tmp_path: Path, watch: Watch
) -> None:
    refuse(*OLDER_CASES[name], Path(shutil.copytree(OLDER_GOLDEN, tmp_path / "detector")), watch)


def refuse(attack: Change, message: str, copy: Path, watch: Watch) -> None:
    attack(copy)
    with listening(watch) as seen, pytest.raises(BrainbrrError, match=message) as refusal:
        load_release(copy)
    shown = str(refusal.value)
    assert seen == []
    assert shown.isprintable()
    assert len(shown) < 600
    assert not list(copy.parent.parent.glob(f"**/{PWNED}"))
    assert not Path(PWNED).exists()


def test_the_watch_sees_what_it_forbids(watch: Watch, tmp_path: Path) -> None:
    with listening(watch) as seen:
        (tmp_path / "file").write_text("")
        exec("pass")
        with pytest.raises(ModuleNotFoundError):
            import sideloaded  # noqa: F401
    assert {line.split()[0] for line in seen} >= {"open", "exec", "import"}


def test_a_sound_detector_does_nothing_but_remember_its_selftest(copy: Path, watch: Watch) -> None:
    with listening(watch) as seen:
        load_release(copy, check=False)
    assert seen == []


def test_there_are_sixty_attacks_or_more() -> None:
    assert len(CASES) >= 60
