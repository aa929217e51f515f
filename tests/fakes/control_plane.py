"""A fake of Modal's control plane for tests: the real protocol, real containers' entry points.

A thread serves the gRPC service that the installed release of `modal` defines. The real client
talks to it, and for inputs that wait it starts `modal._container_entrypoint` as local processes, so
that what is tested is what would be sent, received and run.

Covered: apps (ephemeral and detached), image layers (recorded in order), mounts (materialised),
volumes and buckets (folders), named and ephemeral secrets, dictionaries, GPU lists with fall-back,
calls (remote, map, spawn, re-attach by id, cancel), logs, remote errors with their traceback, the
cap on start-up crashes, preemption (SIGINT, then the same input again), server-side retries of
spawned inputs, timeouts, values above 2 MB.

Not proven by it: that an image builds and its packages work (layers are recorded, never run); that
a GPU is there or its kernels run; Modal's scheduler, queueing, quotas and prices; that a change on
a volume is seen elsewhere only after its commit (here it is seen at once; commits are counted);
network file system speed and limits; that a read-only mount refuses writes; S3; regions; memory
limits; that apps of a client that went silent are stopped (only a disconnect is acted upon). The
protocol is internal to Modal and may change: the tests name the releases they ran with.
"""

import asyncio
import hashlib
import inspect
import re
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.server import Server
from modal_proto import api_pb2
from modal_proto.api_grpc import ModalClientBase

from tests.fakes.app_logs import AppLogs
from tests.fakes.messages import message
from tests.fakes.objects import Objects
from tests.fakes.records import Container, World

LIMIT_S = 60.0
TOKEN = ("ak-fake", "as-fake")


class Service(ModalClientBase):
    """The service for one kind of client: each request goes to the handler named after it."""

    def __init__(self, plane: "ControlPlane", container: Container | None) -> None:
        self.plane, self.container = plane, container

    def __mapping__(self) -> dict[str, Handler]:
        return {
            path: Handler(self._answering(path, handler), *handler[1:])
            for path, handler in super().__mapping__().items()
        }

    def _answering(self, path: str, handler: Handler) -> Callable[[Any], Coroutine[Any, Any, None]]:
        name = path.rsplit("/", 1)[1]

        async def answer(stream: Any) -> None:
            request = await stream.recv_message()
            self.plane.world.received.append(name)
            found = await self.plane.answer(name, request, stream.metadata, self.container)
            if handler.cardinality is Cardinality.UNARY_STREAM:
                async for each in found if hasattr(found, "__aiter__") else _each(found):
                    await stream.send_message(each)
            else:
                await stream.send_message(Empty() if found is None else found)

        return answer


Service.__abstractmethods__ = frozenset()


async def _each(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


class ControlPlane(Objects, AppLogs):
    """The fake, as a context manager that runs while its block does.

    Args:
        base: an empty folder for everything it holds.
        max_containers: at most so many processes at a time.
        gpus: GPU types that can be had now; None: every one.
        grace_s: from SIGINT to SIGKILL.
    """

    def __init__(
        self,
        base: Path,
        *,
        max_containers: int = 2,
        gpus: set[str] | None = None,
        grace_s: float = 30.0,
    ) -> None:
        self.world = World(base)
        self.max_containers, self.gpus, self.grace_s = max_containers, gpus, grace_s
        self.extra_environment: dict[str, str] = {}
        self.world.tokens[TOKEN[0]] = TOKEN[1]
        self.running: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "ControlPlane":
        self.world.base.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        self.port = self.do(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the fake's own thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead a client here."""
        return {
            "MODAL_SERVER_URL": f"http://127.0.0.1:{self.port}",
            "MODAL_TOKEN_ID": TOKEN[0],
            "MODAL_TOKEN_SECRET": TOKEN[1],
            "MODAL_CONFIG_PATH": str(self.world.base / "modal.toml"),
            "MODAL_ENVIRONMENT": "main",
        }

    def count(self, request: str) -> int:
        """How often a request came, by its name in the protocol."""
        return self.world.received.count(request)

    def wait_until(self, condition: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
        """Wait for something that is true; what it is."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            assert not self._scheduling.done(), self._scheduling.exception()
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise TimeoutError(f"not within {limit_s} s; logs:\n{self.logs()}")

    def logs(self) -> str:
        """What every container has said."""
        files = sorted((self.world.base / "logs").glob("*.log"))
        return "\n".join(f"{file.stem}:\n{file.read_text(errors='replace')}" for file in files)

    def preempt(self, container: Container) -> None:
        """Take a container away: SIGINT, a while to save, and its input to another one."""

        async def act() -> None:
            container.preempted = True
            await self.end(container)

        self.do(act())

    def kill(self, container: Container) -> None:
        """A machine that died: its processes are gone without a word."""
        self._loop.call_soon_threadsafe(self.signal_container, container, signal.SIGKILL)

    async def answer(
        self, name: str, request: Any, metadata: Any, container: Container | None
    ) -> Any:
        """The response to a request of a client or a container."""
        token = metadata.get("x-modal-token-id")
        if container is None and self.world.tokens.get(token) != metadata.get(
            "x-modal-token-secret"
        ):
            raise GRPCError(Status.UNAUTHENTICATED, "Token validation failed")
        if container is not None and name in self._of_containers:
            found = self._of_containers[name](container, request)
        else:
            handler = getattr(self, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), None)
            if handler is None:
                raise GRPCError(Status.UNIMPLEMENTED, f"the fake does not answer {name}")
            found = handler(request)
        return await found if inspect.isawaitable(found) else found

    @property
    def _of_containers(self) -> dict[str, Callable[[Container, Any], Any]]:
        return {
            "FunctionGetInputs": self.give_inputs,
            "FunctionPutOutputs": self.take_outputs,
            "ContainerHeartbeat": self.heartbeat,
            "TaskResult": self._take_failure,
        }

    def _take_failure(self, container: Container, request: Any) -> Any:
        container.failure = request.result

    def container_hello(self, request: Any) -> Any:
        """A container says that it has started."""

    def app_heartbeat(self, request: Any) -> Any:
        """A client says that it is still there."""

    def volume_commit(self, request: Any) -> Any:
        """What was written is to be kept; counted."""
        return message(api_pb2.VolumeCommitResponse)

    def volume_reload(self, request: Any) -> Any:
        """What others wrote is to be seen; here it is seen at once."""

    async def app_client_disconnect(self, request: Any) -> Any:
        """The client goes: an ephemeral app ends with it, of a detached one what was not
        spawned."""
        app = self.world.apps[request.app_id]
        app.stopped = not app.detached
        for call in list(self.world.calls.values()):
            of_app = self.world.functions[call.function_id].app_id == app.app_id
            if of_app and not (app.detached and call.spawned):
                request = api_pb2.FunctionCallCancelRequest(function_call_id=call.call_id)
                await self.function_call_cancel(request)

    @asynccontextmanager
    async def served(self, container: Container | None) -> AsyncIterator[int]:
        """A server for the clients, or for one container; its port."""
        server = Server([Service(self, container)])
        await server.start("127.0.0.1", 0)
        assert server._server is not None
        try:
            yield server._server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _start(self) -> int:
        self.placing = asyncio.Lock()
        blobs = web.Application(client_max_size=1 << 30)
        blobs.add_routes([web.put("/{name}", self._put_blob), web.get("/{name}", self._get_blob)])
        self._blobs = web.AppRunner(blobs)
        await self._blobs.setup()
        site = web.TCPSite(self._blobs, "127.0.0.1", 0)
        await site.start()
        self.blob_url = f"http://127.0.0.1:{self._blobs.addresses[0][1]}"
        self._clients = self.served(None)
        self._scheduling = asyncio.create_task(self.schedule())
        return int(await self._clients.__aenter__())

    async def _stop(self) -> None:
        self._scheduling.cancel()
        for container in self.alive():
            self.signal_container(container, signal.SIGKILL)
        await asyncio.gather(self._scheduling, *self.running, return_exceptions=True)
        await self._clients.__aexit__(None, None, None)
        await self._blobs.cleanup()

    async def _put_blob(self, request: web.Request) -> web.Response:
        path = self.world.stored_file(request.match_info["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        content = await request.read()
        path.write_bytes(content)
        return web.Response(headers={"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    async def _get_blob(self, request: web.Request) -> web.Response:
        return web.Response(body=self.world.stored_file(request.match_info["name"]).read_bytes())
