"""Detectors fetched from a real HTTP server that answers as the hub does."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from brainbrr.errors import InvalidOption, Unavailable
from brainbrr.release import artifact
from brainbrr.release.artifact import load_release
from brainbrr.release.hub import fetch, parse_address
from brainbrr.release.untrusted import InvalidDetector

GOLDEN = Path(__file__).parent / "golden" / "schema_3"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """`/user/name/resolve/REVISION/FILE`, with the headers that the client relies on."""

    asked: list[str] = []  # noqa: RUF012  shared by the requests of a test
    damage = False
    folder = GOLDEN

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, body: bool = True) -> None:
        self.asked.append(self.path)
        start, _, name = self.path.partition("/resolve/")
        revision, _, name = name.partition("/")
        file = self.folder / name
        if start != "/lab/night" or revision not in {"main", "v2", COMMIT}:
            self._refuse("RepoNotFound")
        elif not file.is_file():
            self._refuse("EntryNotFound")
        else:
            content = file.read_bytes()
            if self.damage and name == "model.safetensors":
                content = content[:-1] + bytes([content[-1] ^ 1])
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

    def _refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("huggingface_hub")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Hub.asked.clear()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    here = partial(fetch, cache=tmp_path / "hub", endpoint=endpoint)
    monkeypatch.setattr(artifact, "fetch", here)
    monkeypatch.setattr("brainbrr.release.selftest.cache_folder", lambda: tmp_path / "c/native")
    yield endpoint
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("address", ["hf://lab/night", "hf://lab/night@v2"])
def test_a_detector_comes_from_the_hub(hub: str, address: str) -> None:
    assert load_release(address).detection == load_release(GOLDEN).detection
    assert all("/resolve/" in path for path in Hub.asked)
    assert {path.rpartition("/")[2] for path in Hub.asked} == {
        "detector.json", "model.safetensors", "selftest.safetensors", "card.md", "scores.json",
    }  # fmt: skip


def test_a_detector_of_an_older_schema_comes_from_the_hub(
    hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "folder", GOLDEN.with_name("schema_2"))
    assert load_release("hf://lab/night").detection == load_release(GOLDEN).detection
    assert any(path.endswith("/detector.yaml") for path in Hub.asked)


def test_what_is_there_is_not_fetched_again(hub: str) -> None:
    address = f"hf://lab/night@{COMMIT}"
    load_release(address)
    asked = len(Hub.asked)
    load_release(address)
    assert len(Hub.asked) - asked <= 2  # the papers that the repository has not


def test_a_changed_byte_on_the_way_is_refused(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "damage", True)
    with pytest.raises(InvalidDetector, match="changed byte"):
        load_release("hf://lab/night")


@pytest.mark.parametrize("address", ["hf://lab/nobody", "hf://lab/night@v9"])
def test_a_repository_that_is_not_there_is_refused(hub: str, address: str) -> None:
    with pytest.raises(Unavailable, match="a detector at hf://lab/"):
        load_release(address)


@pytest.mark.parametrize(
    "address",
    ["hf://", "hf://name", "hf://../../etc", "hf://a/../b", "hf://a/b@../c", "hf://a/b c",
     "hf://a/b/c", "hf://\u0430/b", "hf://a/b@", "hf://-a/b"],
)  # fmt: skip
def test_a_malformed_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidOption, match="user/name"):
        load_release(address)


def test_addresses() -> None:
    assert parse_address("hf://lab/night") == ("lab/night", None)
    assert parse_address("hf://lab/night.v2@v1.0") == ("lab/night.v2", "v1.0")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(Unavailable, match=r"brainbrr\[hub\]"):
        load_release("hf://lab/night")
