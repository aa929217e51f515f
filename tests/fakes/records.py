"""What the fake control plane knows: apps, functions, images, calls, inputs and containers."""

import asyncio
import hashlib
import itertools
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class App:
    """An app of a client; a detached one outlives its client."""

    app_id: str
    detached: bool
    stopped: bool = False
    function_ids: dict[str, str] = field(default_factory=dict)


@dataclass
class Function:
    """A function as it was created; `choices` are its definitions by rank of GPU."""

    function_id: str
    app_id: str
    name: str
    handle: Any
    choices: list[Any] = field(default_factory=list)
    crashes: int = 0

    @property
    def definition(self) -> Any:
        """The definition that is the same for every GPU."""
        return self.choices[0]


@dataclass
class Input:
    """One set of arguments; given out again where its container is taken away."""

    input_id: str
    call_id: str
    index: int
    content: Any
    state: str = "pending"  # pending, running, done
    retry_count: int = 0
    not_before: float = 0.0
    output: Any = None
    deliveries: int = 0


@dataclass
class Call:
    """A call of a function: one input, or many for a map."""

    call_id: str
    function_id: str
    spawned: bool
    inputs: list[Input] = field(default_factory=list)


@dataclass
class Container:
    """A process that runs a function's real entry point."""

    task_id: str
    function: Function
    definition: Any
    gpu: str
    log: Path
    process: asyncio.subprocess.Process | None = None
    port: int = 0
    inputs: list[Input] = field(default_factory=list)
    born_at: float = field(default_factory=time.monotonic)
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    fetched: bool = False
    preempted: bool = False
    timed_out: bool = False
    cancelled: set[str] = field(default_factory=set)
    failure: Any = None


@dataclass
class World:
    """Everything that exists, by id."""

    base: Path
    apps: dict[str, App] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    images: dict[str, Any] = field(default_factory=dict)
    mounts: dict[str, list[Any]] = field(default_factory=dict)
    received_mounts: list[str] = field(default_factory=list)
    volumes: dict[str, Path] = field(default_factory=dict)
    buckets: dict[str, Path] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    dicts: dict[str, dict[bytes, bytes]] = field(default_factory=lambda: defaultdict(dict))
    received: list[str] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    numbers: Any = field(default_factory=itertools.count)

    def new_id(self, prefix: str) -> str:
        """An id of that kind that was not given before."""
        return f"{prefix}-{next(self.numbers):08d}"

    def stored_file(self, sha256_hex: str) -> Path:
        """Where the content of a file with that digest lies."""
        return self.base / "content" / sha256_hex

    def store(self, content: bytes) -> str:
        """Keep content by its digest."""
        name = hashlib.sha256(content).hexdigest()
        path = self.stored_file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name

    def layers(self, function: Function) -> list[Any]:
        """The image definitions of a function from the base up."""
        found = []
        image_id = function.definition.image_id
        while image_id:
            definition = self.images[image_id]
            found.append(definition)
            image_id = next((base.image_id for base in definition.base_images), "")
        return found[::-1]
