"""Detectors as an attacker would ship them: each a change to a sound folder, and its refusal.

`CASES` change a release of the present schema, `OLDER_CASES` the YAML of an older one. Digests
protect against accidents, not against an author: changes marked `sealed` come with digests that
fit.
"""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load, save

from brainbrr.release.description import SCHEMA, SELFTEST, WEIGHTS, with_digest
from brainbrr.release.released_files import DESCRIPTION, OLDER_DESCRIPTION, digest

Change = Callable[[Path], object]
SCHEMA_1 = Path(__file__).parent / "golden" / "schema_1" / OLDER_DESCRIPTION
PWNED = "pwned"
"""The file that an attack which succeeds would leave beside the detector."""


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.command = f"touch {folder.parent / PWNED}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def flip(name: str, position: float) -> Change:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[int(position * (len(content) - 1))] ^= 0x40
        (folder / name).write_bytes(content)

    return change


def content(name: str, make: Callable[[bytes, Path], bytes], *, sealed: bool = True) -> Change:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(make((folder / name).read_bytes(), folder))
        if sealed:
            seal(folder)

    return change


def seal(folder: Path) -> None:
    values = json.loads((folder / DESCRIPTION).read_text())
    values["files"] = {name: digest((folder / name).read_bytes()) for name in (WEIGHTS, SELFTEST)}
    write(folder, values)


def write(folder: Path, values: dict[str, Any]) -> None:
    (folder / DESCRIPTION).write_text(json.dumps(with_digest(values)))


def described(path: str, value: Any, *, sealed: bool = True, drop: bool = False) -> Change:
    """A value of the description changed, by its dotted path."""

    def change(folder: Path) -> None:
        values = json.loads((folder / DESCRIPTION).read_text())
        *above, last = path.split(".")
        node = values
        for key in above:
            node = node[key]
        if drop:
            del node[last]
        else:
            node[last] = value
        if sealed:
            write(folder, values)
        else:
            (folder / DESCRIPTION).write_text(json.dumps(values))

    return change


def text(make: str | bytes | Callable[[str], str | bytes], name: str = DESCRIPTION) -> Change:
    """The description as another text."""

    def change(folder: Path) -> None:
        old = (folder / name).read_text()
        new = make(old) if callable(make) else make
        (folder / name).write_bytes(new.encode() if isinstance(new, str) else new)

    return change


def older_text(make: str | bytes | Callable[[str], str | bytes]) -> Change:
    """The YAML description of an older schema as another text."""
    return text(make, OLDER_DESCRIPTION)


def tensors(edit: Callable[[dict[str, np.ndarray]], Any], name: str = WEIGHTS) -> Change:
    def make(old: bytes, _: Path) -> bytes:
        parts = {key: np.array(value) for key, value in load(old).items()}
        edit(parts)
        return save(parts)

    return content(name, make)


def header(edit: Callable[[dict[str, Any]], Any]) -> Change:
    """The header of the weights changed, their numbers left."""

    def make(old: bytes, _: Path) -> bytes:
        length = struct.unpack("<Q", old[:8])[0]
        claims = json.loads(old[8 : 8 + length])
        new = edit(claims)
        packed = new if isinstance(new, bytes) else json.dumps(claims).encode()
        return struct.pack("<Q", len(packed)) + packed + old[8 + length :]

    return content(WEIGHTS, make)


def first(claims: dict[str, Any]) -> dict[str, Any]:
    """The claim about the first tensor."""
    return min(
        (claim for name, claim in claims.items() if name != "__metadata__"),
        key=lambda claim: claim["data_offsets"],
    )


def claim(key: str, value: Any) -> Change:
    return header(lambda claims: first(claims).__setitem__(key, value))


def length_field(value: int) -> Change:
    return content(WEIGHTS, lambda old, _: struct.pack("<Q", value) + old[8:])


def replaced(name: str, place: Callable[[Path], object]) -> Change:
    """A file of the folder put away and something else put in its place."""

    def change(folder: Path) -> None:
        (folder / name).rename(folder.parent / f"real_{name}")
        place(folder / name)

    return change


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target.format(outside=path.parent.parent, name=path.name))


def archive(folder: Path) -> None:
    """The folder gone, and a zip in its place whose names climb out of it."""
    with zipfile.ZipFile(folder.parent / "detector.zip", "w") as packed:
        packed.writestr(f"../{PWNED}", "")
        packed.write(folder / DESCRIPTION, DESCRIPTION)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    (folder.parent / "detector.zip").rename(folder)


def first_schema(edit: Callable[[bytearray], None]) -> Change:
    """A folder of the first schema, which had no digests, with other weights."""

    def change(folder: Path) -> None:
        (folder / DESCRIPTION).unlink()
        for file in SCHEMA_1.parent.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        parts = bytearray((folder / WEIGHTS).read_bytes())
        edit(parts)
        (folder / WEIGHTS).write_bytes(parts)

    return change


def _shuffle_weights(parts: bytearray) -> None:
    start = 8 + struct.unpack("<Q", parts[:8])[0]
    numbers = np.frombuffer(bytes(parts[start:]), dtype="<f4")
    parts[start:] = np.roll(numbers, 7).tobytes()


def billion_laughs() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return "\n".join(lines)


LIES, TENSORS = "a true header", "tensors of the network"
PLAIN, YAML, CHANGED = "plain JSON", "plain YAML", "changed byte"
SELFTEST_FAILED, ORDER = "probabilities of the self-test", "off_threshold <= detect.on_threshold"
INFINITE = "not finite"
BOUNDS, MODEL = "between .* and", "from 0 to .* a word or a short list"
SMUGGLED = "!!python/object/apply:os.system ['touch pwned']"

CASES: dict[str, tuple[Change, str]] = {
    # A changed byte.
    "byte of the weights' header": (flip(WEIGHTS, 0.005), CHANGED),
    "byte of the first weight": (flip(WEIGHTS, 0.3), CHANGED),
    "byte in the middle of the weights": (flip(WEIGHTS, 0.6), CHANGED),
    "last byte of the weights": (flip(WEIGHTS, 1.0), CHANGED),
    "byte of the self-test": (flip(SELFTEST, 0.5), CHANGED),
    "weights cut short": (content(WEIGHTS, lambda o, _: o[:-100], sealed=False), CHANGED),
    "weights with more behind": (content(WEIGHTS, lambda o, _: o + b"\0", sealed=False), CHANGED),
    "threshold changed": (described("detection.on_threshold", 0.99, sealed=False), "changed value"),
    "word of the provenance changed": (
        described("provenance.tuned_on", "the test split", sealed=False), "changed value",
    ),
    "digest changed": (
        text(lambda old: old.replace('"digest": "', '"digest": "f00')), "changed value",
    ),
    "other weights under the first schema": (first_schema(_shuffle_weights), SELFTEST_FAILED),
    "self-test of another detector": (
        tensors(lambda p: p.update(probability=p["probability"] + 0.01), SELFTEST),
        SELFTEST_FAILED,
    ),
    # Something else under the name of safetensors.
    "empty weights": (content(WEIGHTS, lambda *_: b""), LIES),
    "pickle as weights": (content(WEIGHTS, lambda _, f: pickle.dumps(Payload(f))), LIES),
    "pickle of protocol 0 as weights": (
        content(WEIGHTS, lambda _, f: pickle.dumps(Payload(f), protocol=0)), LIES,
    ),
    "pickle as self-test": (content(SELFTEST, lambda _, f: pickle.dumps(Payload(f))), LIES),
    "torch checkpoint as weights": (
        content(WEIGHTS, lambda _, f: _saved_by_torch({"a": Payload(f)}, f)), LIES,
    ),
    "numpy objects as weights": (content(WEIGHTS, lambda _, f: _saved_by_numpy(f)), LIES),
    "a program as weights": (content(WEIGHTS, lambda *_: b"\x7fELF" + b"\0" * 400), LIES),
    # A header that lies.
    "header of 2**63 bytes": (length_field(2**63), LIES),
    "header of no bytes": (length_field(0), LIES),
    "header longer than the file": (length_field(10**6), LIES),
    "header that ends early": (length_field(40), LIES),
    "header of 8 MB": (
        content(WEIGHTS, lambda o, _: struct.pack("<Q", 2**23) + b"{" + b" " * 2**23 + b"}"), LIES,
    ),
    "header that is no JSON": (header(lambda _: b"import os; os.system('id')"), LIES),
    "header that is a list": (header(lambda _: b"[1, 2, 3]"), LIES),
    "header of 100 000 brackets": (header(lambda _: b"[" * 100_000), LIES),
    "header with a number of 10 000 digits": (
        header(lambda _: b'{"a": ' + b"9" * 10_000 + b"}"), LIES,
    ),
    "one name twice": (
        header(lambda c: json.dumps(c).encode()[:-1] + b', "a": {}, "a": {}}'), LIES,
    ),
    "overlapping tensors": (claim("data_offsets", [4, 8]), LIES),
    "tensor beyond the file": (claim("data_offsets", [0, 2**39]), LIES),
    "tensor before the file": (claim("data_offsets", [-64, 0]), LIES),
    "offsets that are no whole numbers": (claim("data_offsets", [0.0, 4.0]), LIES),
    "offsets upside down": (claim("data_offsets", [64, 0]), LIES),
    "shape larger than its bytes": (claim("shape", [4096, 4096]), LIES),
    "shape that overflows": (claim("shape", [2**39, 2**39, 2**39]), LIES),
    "shape of 2**62": (claim("shape", [2**62]), LIES),
    "negative shape": (claim("shape", [-1, -4]), LIES),
    "shape that is a word": (claim("shape", "4"), LIES),
    "unknown kind of number": (claim("dtype", "PY_OBJECT"), LIES),
    "claim with a pickle beside it": (claim("pickle", "gASVJAAAAAAAAACMBX"), LIES),
    # Other tensors than the network's.
    "half precision": (
        tensors(lambda p: p.update({k: v.astype(np.float16) for k, v in p.items()})), TENSORS,
    ),
    "a tensor missing": (tensors(lambda p: p.pop(min(p))), TENSORS),
    "a tensor too many": (tensors(lambda p: p.update(extra=np.zeros(3, np.float32))), TENSORS),
    "a tensor with a path for a name": (
        tensors(lambda p: p.update({"../../.bashrc": np.zeros(3, np.float32)})), TENSORS,
    ),
    "a tensor renamed to look alike": (
        tensors(lambda p: p.update({min(p).replace("a", "\u0430"): p.pop(min(p))})), TENSORS,
    ),
    "a tensor transposed": (
        tensors(lambda p: p.update({k: v.T.copy() for k, v in p.items() if v.ndim == 2})), TENSORS,
    ),
    "NaN among the weights": (tensors(lambda p: p[min(p)].fill(np.nan)), "finite numbers"),
    "infinity among the weights": (tensors(lambda p: p[max(p)].fill(np.inf)), "finite numbers"),
    "self-test of another length": (
        tensors(lambda p: p.update(eeg=p["eeg"][:, :64].copy()), SELFTEST), TENSORS,
    ),
    "self-test of NaN": (
        tensors(lambda p: p["probability"].fill(np.nan), SELFTEST), "finite numbers",
    ),
    # JSON that does more than describe.
    "key twice": (text(lambda old: old.replace("{", '{"schema": 1, ', 1)), "twice"),
    "key twice, deep inside": (
        text(lambda old: old.replace('"bias"', '"bias": 0.0, "bias"')), "twice",
    ),
    "NaN": (text(lambda old: old.replace("-0.25", "NaN")), INFINITE),
    "minus infinity": (text(lambda old: old.replace("-0.25", "-Infinity")), INFINITE),
    "number too large to be finite": (text(lambda old: old.replace("-0.25", "1e999")), INFINITE),
    "10 000 brackets": (text("[" * 10_000), PLAIN),
    "9 levels": (described("provenance.tuned_on", [[[[[[[1]]]]]]]), "levels"),
    "100 000 brackets that close": (text("[" * 90_000 + "]" * 90_000), "levels"),
    "two documents": (text(lambda old: old + old), PLAIN),
    "not JSON": (text("[1, 2"), PLAIN),
    "a comment": (text(lambda old: old + "// the end"), PLAIN),
    "single quotes": (text(lambda old: old.replace('"', "'")), PLAIN),
    "NUL byte": (text("\0"), PLAIN),
    "NUL character": (described("provenance.tuned_on", "a\0b"), "printable"),
    "not UTF-8": (text(b'{"schema": "\xff\xfe"}'), "UTF-8"),
    "UTF-16": (text(lambda old: old.encode("utf-16")), "UTF-8"),
    "UTF-8 with a byte order mark": (text(lambda old: "\ufeff" + old), "BOM"),
    "just a word": (text('"detector"'), "a mapping"),
    "empty": (text(""), PLAIN),
    "description of a megabyte": (text(lambda old: old + " " * 10**6), "at most 200000 bytes"),
    "number of 10 000 digits": (text('{"schema": ' + "9" * 10_000 + "}"), PLAIN),
    "YAML under the name of JSON": (text("schema: 1"), PLAIN),
    "two descriptions": (
        lambda folder: (folder / OLDER_DESCRIPTION).write_text("schema: 1"), "holds both",
    ),
    "an older description that is a link, beside the present one": (
        lambda folder: (folder / OLDER_DESCRIPTION).symlink_to("/nowhere"), "holds both",
    ),
    "terminal escape": (described("provenance.tuned_on", "\x1b[2J\x1b]0;owned\x07"), "printable"),
    "right-to-left override": (described("provenance.tuned_on", "safe\u202egpj.exe"), "printable"),
    # Code and paths where plain numbers belong.
    "_target_ in the model": (described("model._target_", "os.system"), MODEL),
    "_target_ that is a word": (described("model._target_", "system"), "_target_"),
    "_target_ at the top": (described("_target_", "os.system"), "_target_"),
    "_target_ in the preparation": (described("preparation._target_", "os.system"), "_target_"),
    "_partial_ in the windowing": (described("windowing._partial_", True), "_partial_"),
    "family that is a function": (described("model.family", "os.system"), MODEL),
    "family that nobody knows": (described("model.family", "v4"), "v4"),
    "family that looks like ours": (described("model.family", "v\u0417"), MODEL),
    "family that is a path": (described("model.family", "../../v3"), MODEL),
    "family that is a mapping": (described("model.family", {"a": 1}), MODEL),
    "no family": (described("model.family", None, drop=True), "family"),
    "convolution that compiles templates": (
        described("model.graph_convolution", "Sequential"), "graph convolution",
    ),
    "encoder that is an import": (described("model.encoder", "os;system"), MODEL),
    # Numbers no detector has.
    "width of 10**9": (described("model.electrode_features", 10**9), MODEL),
    "width of 4096 everywhere": (
        described("model.encoder_channels", [4096, 4096, 4096, 4096]), TENSORS,
    ),
    "10**9 layers": (described("model.node_layers", 10**9), MODEL),
    "a list of 10**4 widths": (described("model.encoder_channels", [8] * 10**4), MODEL),
    "negative width": (described("model.electrode_features", -8), MODEL),
    "width of nothing": (described("model.electrode_features", 0), "build"),
    "width that is a word": (described("model.electrode_features", "eight"), "build"),
    "width NaN": (described("model.graph_alpha", float("nan")), INFINITE),
    "windows of 30 years": (described("windowing.window_s", 1e9), BOUNDS),
    "no stride": (described("windowing.stride_s", 0), BOUNDS),
    "stride of infinity": (described("windowing.stride_s", float("inf")), INFINITE),
    "filter of order 10**6": (described("preparation.filter_order", 10**6), BOUNDS),
    "mains that is a command": (described("preparation.mains", "auto; rm -rf"), "mains"),
    "epochs of no length": (described("preparation.quality.epoch_s", 0.0), BOUNDS),
    "quality that is a list": (described("preparation.quality", [1]), "quality"),
    "threshold of 2": (described("detection.on_threshold", 2.0), ORDER),
    "thresholds out of order": (described("detection.off_threshold", 0.99), ORDER),
    "threshold that is true": (described("detection.on_threshold", True), BOUNDS),
    "threshold NaN": (described("detection.on_threshold", float("nan")), INFINITE),
    # Another detector than this package can run.
    "newer schema": (described("schema", 99), f"schema {SCHEMA} or older"),
    "schema 0": (described("schema", 0), "a schema from 1 to"),
    "schema that is true": (described("schema", True), "a schema from 1 to"),
    "no schema": (described("schema", None, drop=True), "a schema from 1 to"),
    "no thresholds": (described("detection", None, drop=True), "thresholds tuned"),
    "a threshold missing": (
        described("detection.off_threshold", None, drop=True), "thresholds tuned",
    ),
    "another montage": (described("montage", ["E1", "E2", "E3"]), "the 19 electrodes"),
    "the montage in another order": (
        described("montage", ["Cz", "Fp1"]), "the 19 electrodes",
    ),
    "windows at another rate": (described("windowing.rate_hz", 128.0), "are prepared to"),
    "digests that are paths": (
        described("files", {WEIGHTS: "../../etc/passwd", SELFTEST: "x"}), "digests",
    ),
    "digest of a file elsewhere": (described("files", {"/etc/passwd": "0" * 64}), "digests"),
    # Files that are not files of the folder.
    "link to the description elsewhere": (
        replaced(DESCRIPTION, link_to("{outside}/real_{name}")), "leads out",
    ),
    "link to weights elsewhere": (
        replaced(WEIGHTS, link_to("{outside}/real_{name}")), "leads out",
    ),
    "link that climbs": (replaced(SELFTEST, link_to("../real_{name}")), "leads out"),
    "description that is /etc/passwd": (replaced(DESCRIPTION, link_to("/etc/passwd")), "leads out"),
    "weights without an end": (replaced(WEIGHTS, link_to("/dev/zero")), "leads out"),
    "link to nowhere": (replaced(WEIGHTS, link_to("/nowhere")), "FileNotFoundError"),
    "link to itself": (replaced(WEIGHTS, link_to("{name}")), "in the detector's folder"),
    "pipe as weights": (replaced(WEIGHTS, os.mkfifo), "regular file"),
    "folder as weights": (replaced(WEIGHTS, Path.mkdir), "regular file"),
    "weights of 5 GB": (
        lambda folder: os.truncate(folder / WEIGHTS, 5_000_000_000), "at most 4000000000",
    ),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), WEIGHTS),
    "no self-test": (lambda folder: (folder / SELFTEST).unlink(), SELFTEST),
    "archive that writes outside": (archive, "unpacked"),
}  # fmt: skip

OLDER_CASES: dict[str, tuple[Change, str]] = {
    # YAML that does more than describe.
    "python object in YAML": (older_text(SMUGGLED), YAML),
    "python object inside the description": (
        older_text(lambda old: old.replace("tuned_on: nothing", f"tuned_on: {SMUGGLED}")), YAML,
    ),
    "python function in YAML": (older_text("schema: !!python/name:os.system ''"), YAML),
    "python module in YAML": (older_text("schema: !!python/module:antigravity ''"), YAML),
    "tag of its own in YAML": (older_text("schema: !detector {}"), YAML),
    "binary in YAML": (older_text("schema: !!binary R0lGODlh"), YAML),
    "set in YAML": (older_text("schema: !!set {a, b}"), YAML),
    "billion laughs": (older_text(billion_laughs()), "anchor or alias"),
    "list that holds itself": (older_text("a: &a [*a]"), "anchor or alias"),
    "merge key": (older_text("a: &a {b: 1}\nc: {<<: *a}"), "anchor or alias"),
    "key twice": (older_text(lambda old: old + "schema: 1\n"), "twice"),
    "10 000 brackets": (older_text("[" * 10_000), "levels"),
    "nested mappings": (older_text("{a: " * 500), "levels"),
    "two documents": (older_text(lambda old: old + "---\n" + old), YAML),
    "not YAML": (older_text("[1, 2"), YAML),
    "NUL byte": (older_text("\0"), YAML),
    "not UTF-8": (older_text(b"schema: \xff\xfe"), "UTF-8"),
    "UTF-16": (older_text(lambda old: old.encode("utf-16")), "UTF-8"),
    "just a word": (older_text("detector"), "a mapping"),
    "key that is a list": (older_text("? [1, 2]\n: 3"), YAML),
    "key that is a number": (older_text(lambda old: old + "1: 2\n"), "not text"),
    "description of a megabyte": (
        older_text(lambda old: old + "#" * 10**6), "at most 200000 bytes",
    ),
    "number of 10 000 digits": (older_text("schema: " + "9" * 10_000), YAML),
    "key twice, deep inside": (
        older_text(lambda old: old.replace("  bias:", "  bias: 0.0\n  bias:")), "twice",
    ),
    "merge key without an alias": (older_text("a: {<<: {b: 1}}"), YAML),
    "tag of a plain type": (older_text("schema: !!int '1'"), "the tag"),
    "a date": (
        older_text(lambda old: old.replace("tuned_on: nothing", "tuned_on: 2026-01-31")), YAML,
    ),
    "width NaN": (
        older_text(lambda _: SCHEMA_1.read_text().replace("alpha: 0.05", "alpha: .nan")), MODEL,
    ),
    "threshold NaN": (
        older_text(lambda _: SCHEMA_1.read_text().replace("threshold: 0.6", "threshold: .nan")),
        BOUNDS,
    ),
    "terminal escape": (
        older_text(lambda old: old.replace("tuned_on: nothing", 'tuned_on: "\\e[2J"')), "printable",
    ),
    "description that is /etc/passwd": (
        replaced(OLDER_DESCRIPTION, link_to("/etc/passwd")), "leads out",
    ),
}  # fmt: skip


def _saved_by_torch(value: object, folder: Path) -> bytes:
    torch.save(value, folder / "made")
    made = (folder / "made").read_bytes()
    (folder / "made").unlink()
    return made


def _saved_by_numpy(folder: Path) -> bytes:
    np.save(folder / "made.npy", np.array([Payload(folder)], dtype=object), allow_pickle=True)
    made = (folder / "made.npy").read_bytes()
    (folder / "made.npy").unlink()
    return made
