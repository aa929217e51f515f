"""Modal as a platform for sweeps, and what is checked before anything is sent there."""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import PurePosixPath
from typing import Any

import modal
from modal.config import config
from modal.exception import (
    AuthError,
    FunctionTimeoutError,
    InputCancellation,
    NotFoundError,
    OutputExpiredError,
)

from brainbrr.errors import NotFound, Unavailable
from brainbrr.sweeps.modal.app import Cloud, build_app
from brainbrr.sweeps.modal.sweep_job import CallResult

log = logging.getLogger(__name__)

UNTIL_LATER = (
    TimeoutError,
    ConnectionError,
    modal.exception.TimeoutError,
    modal.exception.ConnectionError,
)


def has_token() -> bool:
    """Check for a configured Modal token, in a file or in the environment, without using it."""
    return bool(config.get("token_id"))


class Running:
    """An app whose functions take jobs."""

    def __init__(self, app: modal.App, functions: Mapping[str, Any]) -> None:
        self.app_id = str(app.app_id)
        self._functions = functions

    def spawn(self, command: str, request: Mapping[str, Any]) -> str:
        """Send a job; return the id of its call."""
        return str(self._functions[command].spawn(dict(request)).object_id)


class ModalPlatform:
    """Jobs as spawned calls of a detached app: they outlive this process.

    Args:
        cloud: what containers have.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    @contextmanager
    def ready(self) -> Iterator[Running]:
        """Build the image, upload the code, and take jobs while the block runs."""
        app, functions = build_app(self.cloud)
        log.info("Building the image if it is new, and uploading the code")
        # A terminal shows the build's progress. Without one, leaving would wait for log lines.
        progress = modal.enable_output() if sys.stdout.isatty() else nullcontext()
        with progress, app.run(detach=True):
            yield Running(app, functions)

    def poll(self, call_id: str) -> CallResult | None:
        """Return how a call ended, or None until it has, or if Modal cannot be reached."""
        try:
            value = modal.FunctionCall.from_id(call_id).get(timeout=0)
        except FunctionTimeoutError as error:
            return CallResult("timed_out", detail=str(error))
        # Before the errors to retry: Modal derives an expired output from its TimeoutError.
        except (OutputExpiredError, NotFoundError) as error:
            return CallResult("expired", detail=f"{type(error).__name__}: {error}")
        except UNTIL_LATER:
            return None
        except InputCancellation:
            return CallResult("cancelled", detail="The call was cancelled.")
        except Exception as error:  # noqa: BLE001 - whatever the container raised comes out here
            cancelled = "cancelled" in str(error).lower() or "terminated" in str(error).lower()
            state = "cancelled" if cancelled else "crashed"
            return CallResult(state, detail=f"{type(error).__name__}: {error}")
        return CallResult(
            value["state"],
            value.get("seconds", 0.0),
            value.get("exit_code"),
            value.get("tail", ""),
            value.get("call_id", ""),
            value.get("files", {}),
            tuple(value.get("left_out", ())),
        )

    def cancel(self, call_id: str) -> None:
        """End a call; its run folder stays on the volume."""
        modal.FunctionCall.from_id(call_id).cancel()

    def check(self, folders: Iterable[str]) -> None:
        """Check for everything that a job needs, before anything is built or sent.

        Args:
            folders: corpora, as containers see them.

        Raises:
            Unavailable: no token is configured, or Modal refuses it.
            NotFound: a volume, secret or corpus.
        """
        try:
            modal.Client.from_env().hello()
        except AuthError as error:
            raise Unavailable(
                f"no Modal token configured ({error})", "Run `modal token new`."
            ) from error
        for each in self.cloud.volumes:
            self._check_volume(each)
        for name in self.cloud.secrets:
            try:
                modal.Secret.from_name(name).hydrate()
            except NotFoundError as error:
                raise NotFound(
                    f"no Modal secret {name} ({error})", f"`modal secret create {name} KEY=VALUE`."
                ) from error
        for folder in folders:
            self._check_corpus(PurePosixPath(folder))

    def _check_volume(self, each: Mapping[str, Any]) -> None:
        try:
            create = bool(each.get("create"))
            modal.Volume.from_name(each["name"], create_if_missing=create).hydrate()
        except NotFoundError as error:
            raise NotFound(
                f"no Modal volume {each['name']} for {each['path']} ({error})",
                f"`modal volume create {each['name']}`, or correct hydra.launcher.volumes.",
            ) from error

    def _check_corpus(self, folder: PurePosixPath) -> None:
        bucket = self.cloud.bucket
        if bucket is not None and folder.is_relative_to(bucket["path"]):
            log.info("%s is in the bucket %s and is not checked", folder, bucket["name"])
            return
        volumes = [each for each in self.cloud.volumes if folder.is_relative_to(each["path"])]
        if not volumes:
            raise NotFound(
                f"a corpus below {', '.join(each['path'] for each in self.cloud.volumes)}",
                str(folder),
                "Give data.root=... as containers see it, or mount its volume there.",
            )
        path, name = max((each["path"], each["name"]) for each in volumes)
        inside = "/" + folder.relative_to(path).as_posix().strip(".")
        try:
            entry = next(iter(modal.Volume.from_name(name).listdir(inside)), None)
        except (NotFoundError, FileNotFoundError):
            entry = None
        if entry is None:
            raise NotFound(
                f"recordings in {folder}",
                f"nothing at {inside} on the volume {name}",
                f"`modal volume put {name} LOCAL_FOLDER {inside}`, or correct data.root.",
            )
