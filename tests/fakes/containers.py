"""Containers as local processes: mounts and volumes in place, the real entry point, signals."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from modal_proto import api_pb2

from tests.fakes.calls import CRASHES_AT_START, POLL_S, Calls, Result
from tests.fakes.messages import message
from tests.fakes.records import Container, Function


class Containers(Calls):
    """Starts a process where inputs wait, and deals with how it ends."""

    max_containers: int
    grace_s: float
    gpus: set[str] | None
    extra_environment: dict[str, str]
    running: set[asyncio.Task[None]]
    placing: asyncio.Lock

    async def schedule(self) -> None:
        """Keep starting containers for inputs that wait, until cancelled."""
        while True:
            for function in list(self.world.functions.values()):
                if function.choices and self._wants_container(function):
                    definition = self._placed(function)
                    if definition is not None:
                        self.running.add(asyncio.create_task(self._run(function, definition)))
                        await asyncio.sleep(0)
            for task in [each for each in self.running if each.done()]:
                self.running.discard(task)
                task.result()
            await asyncio.sleep(POLL_S)

    def alive(self) -> list[Container]:
        """Containers that have not ended."""
        return [each for each in self.world.containers.values() if each.ended_at is None]

    def _wants_container(self, function: Function) -> bool:
        app = self.world.apps[function.app_id]
        coming = [
            each
            for each in self.alive()
            if each.function is function and not each.inputs and not each.preempted
        ]
        busy = len(self.alive()) >= self.max_containers
        return not app.stopped and not busy and len(self.pending(function)) > len(coming)

    def _placed(self, function: Function) -> Any:
        """The best ranked definition whose GPU is to be had; None: wait."""
        for choice in function.choices:
            gpu = choice.resources.gpu_config.gpu_type
            if not gpu or self.gpus is None or gpu in self.gpus:
                return choice
        return None

    async def _run(self, function: Function, definition: Any) -> None:
        """One container from start to end."""
        task_id = self.world.new_id("ta")
        gpu = definition.resources.gpu_config.gpu_type
        log = self.world.base / "logs" / f"{task_id}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        container = Container(task_id, function, definition, gpu, log)
        self.world.containers[task_id] = container
        async with self.placing:
            root = await asyncio.to_thread(self._materialised, definition)
        async with self.served(container) as port:
            arguments = self.world.base / "arguments" / task_id
            arguments.parent.mkdir(parents=True, exist_ok=True)
            arguments.write_bytes(self._arguments(container).SerializeToString())
            with log.open("wb") as output:
                container.process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-u",
                    "-m",
                    "modal._container_entrypoint",
                    cwd=root / "root",
                    env=self._environment(container, root, port, arguments),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                )
            watch = asyncio.create_task(self._watch_time(container))
            await container.process.wait()
            watch.cancel()
        container.ended_at = time.monotonic()
        self._account(container)

    def _account(self, container: Container) -> None:
        """What becomes of the inputs of a container that has ended."""
        left, container.inputs = container.inputs, []
        process = container.process
        assert process is not None
        how = {"task_id": container.task_id}
        for given in left:
            if container.preempted:
                given.state = "pending"
            elif container.timed_out:
                seconds = container.definition.timeout_secs
                result = Result(
                    status=Result.GENERIC_STATUS_TIMEOUT,
                    exception=f"Task's current input hit its timeout of {seconds}s",
                )
                self.fail(given, result, **how)
            else:
                result = Result(
                    status=Result.GENERIC_STATUS_FAILURE,
                    exception=f"Container ended with exit code {process.returncode}",
                )
                self.fail(given, result, **how)
        if not container.fetched and not container.preempted:
            self._count_crash(container)

    def _count_crash(self, container: Container) -> None:
        function = container.function
        function.crashes += 1
        if function.crashes < CRASHES_AT_START:
            return
        result = container.failure or Result(
            status=Result.GENERIC_STATUS_INIT_FAILURE, exception="Container crashed at its start"
        )
        for given in self.pending(function):
            self.settle(given, result)

    async def _watch_time(self, container: Container) -> None:
        """End a container whose input takes longer than its function allows."""
        while True:
            await asyncio.sleep(0.1)
            limit_s = container.definition.timeout_secs
            used_s = time.monotonic() - container.started_at
            if container.inputs and limit_s and used_s > limit_s:
                container.timed_out = True
                await self.end(container)
                return

    async def end(self, container: Container) -> None:
        """SIGINT, a while to save, then SIGKILL."""
        self.signal_container(container, signal.SIGINT)
        assert container.process is not None
        try:
            await asyncio.wait_for(container.process.wait(), self.grace_s)
        except TimeoutError:
            self.signal_container(container, signal.SIGKILL)

    def signal_container(self, container: Container, number: int) -> None:
        """A signal to the container's first process; SIGKILL to all of its processes."""
        process = container.process
        if process is None or process.returncode is not None:
            return
        if number == signal.SIGKILL:
            for pid in [*descendants(process.pid), process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        else:
            process.send_signal(number)

    def _materialised(self, definition: Any) -> Path:
        """The file system of a container as far as it is ours: its mounts, hard-linked."""
        name = "-".join(sorted(definition.mount_ids)) or "bare"
        root = self.world.base / "roots" / name
        (root / "root").mkdir(parents=True, exist_ok=True)
        for mount_id in definition.mount_ids:
            for file in self.world.mounts[mount_id]:
                target = root / file.filename.lstrip("/")
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.hardlink_to(self.world.stored_file(file.sha256_hex))
        for volume in definition.volume_mounts:
            self._link(Path(volume.mount_path), self.world.volumes[volume.volume_id])
        for bucket in definition.cloud_bucket_mounts:
            self._link(Path(bucket.mount_path), self.world.buckets[bucket.bucket_name])
        return root

    def _link(self, path: Path, folder: Path) -> None:
        """A volume in its place. Only below the fake's own folder: nothing else is touched."""
        assert path.is_relative_to(self.world.base), f"{path} is not below {self.world.base}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_symlink():
            path.symlink_to(folder, target_is_directory=True)

    def _environment(
        self, container: Container, root: Path, port: int, arguments: Path
    ) -> dict[str, str]:
        python_path = [str(root / "root")]
        python_path += [folder for folder in sys.path if (Path(folder) / "modal").is_dir()]
        secrets: dict[str, str] = {}
        for secret_id in container.definition.secret_ids:
            secrets |= self.world.secrets[secret_id]
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.world.base / "home"),
            "PYTHONPATH": os.pathsep.join(python_path),
            "OMP_NUM_THREADS": "1",
            "MODAL_SERVER_URL": f"http://127.0.0.1:{port}",
            "MODAL_IS_REMOTE": "1",
            "MODAL_TASK_ID": container.task_id,
            "MODAL_ENVIRONMENT": "main",
            "MODAL_CONFIG_PATH": str(self.world.base / "modal.toml"),
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(arguments),
            **self.extra_environment,
            **secrets,
        }

    def _arguments(self, container: Container) -> Any:
        """What the entry point reads when it starts."""
        function = container.function
        app = self.world.apps[function.app_id]
        objects = [
            message(
                api_pb2.Object,
                object_id=function_id,
                function_handle_metadata=self.world.functions[function_id].handle,
            )
            for function_id in app.function_ids.values()
        ]
        layout = message(api_pb2.AppLayout, objects=objects, function_ids=app.function_ids)
        return message(
            api_pb2.ContainerArguments,
            task_id=container.task_id,
            function_id=function.function_id,
            app_id=function.app_id,
            function_def=container.definition,
            app_layout=layout,
            environment_name="main",
        )

    def served(self, container: Container) -> Any:
        """A server of the container's own, by whose port its requests are known."""
        raise NotImplementedError


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [int(child) for child in children.read_text().split()] if children.exists() else []
    return [each for child in found for each in (*descendants(child), child)]
