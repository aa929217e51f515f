"""Modal as a platform for sweeps, and what is looked at before anything is sent there."""

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import PurePosixPath
from typing import Any

import modal
from modal.exception import (
    AuthError,
    ConnectionError,
    FunctionTimeoutError,
    InputCancellation,
    NotFoundError,
    OutputExpiredError,
)

from brainbrr.errors import BrainbrrError
from brainbrr.sweeps.modal.app import Cloud, build_app
from brainbrr.sweeps.modal.platform import Outcome

log = logging.getLogger(__name__)

UNTIL_LATER = (TimeoutError, modal.exception.TimeoutError, ConnectionError)


class NoToken(BrainbrrError):
    """Modal does not know who asks."""


class MissingVolume(BrainbrrError):
    """A volume that does not exist and is not to be made."""


class MissingSecret(BrainbrrError):
    """A secret that does not exist."""


class CorpusMissing(BrainbrrError):
    """A corpus that containers would not find."""


class Running:
    """An app whose functions take jobs."""

    def __init__(self, app: modal.App, functions: Mapping[str, Any]) -> None:
        self.app_id = str(app.app_id)
        self._functions = functions

    def spawn(self, command: str, request: Mapping[str, Any]) -> str:
        """Send a job; the id of its call."""
        return str(self._functions[command].spawn(dict(request)).object_id)


class ModalPlatform:
    """Jobs as spawned calls of a detached app: they outlive this process.

    Args:
        cloud: what containers are made of.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    @contextmanager
    def ready(self) -> Iterator[Running]:
        """Build the image, upload the code, and take jobs while the block runs."""
        app, functions = build_app(self.cloud)
        log.info("Building the image if it is new, and uploading the code")
        # On a terminal a build's progress is shown; elsewhere leaving would wait for log lines.
        watched = modal.enable_output() if sys.stdout.isatty() else nullcontext()
        with watched, app.run(detach=True):
            yield Running(app, functions)

    def poll(self, call_id: str) -> Outcome | None:
        """How a call ended, or None while it has not, or while Modal cannot be reached."""
        try:
            value = modal.FunctionCall.from_id(call_id).get(timeout=0)
        except FunctionTimeoutError as error:
            return Outcome("timed_out", detail=str(error))
        except UNTIL_LATER:
            return None
        except (OutputExpiredError, NotFoundError) as error:
            return Outcome("expired", detail=f"{type(error).__name__}: {error}")
        except InputCancellation:
            return Outcome("cancelled", detail="The call was cancelled.")
        except Exception as error:  # noqa: BLE001 - whatever the container raised comes out here
            cancelled = "cancelled" in str(error).lower() or "terminated" in str(error).lower()
            state = "cancelled" if cancelled else "crashed"
            return Outcome(state, detail=f"{type(error).__name__}: {error}")
        return Outcome(
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
        """Look at everything that a job would miss, before anything is built or sent.

        Args:
            folders: corpora, as containers see them.

        Raises:
            NoToken, MissingVolume, MissingSecret, CorpusMissing: by name, with the remedy.
        """
        try:
            modal.Client.from_env().hello()
        except AuthError as error:
            raise NoToken("a Modal token", str(error), "Run `modal token new`.") from error
        for each in self.cloud.volumes:
            self._check_volume(each)
        for name in self.cloud.secrets:
            try:
                modal.Secret.from_name(name).hydrate()
            except NotFoundError as error:
                raise MissingSecret(
                    f"a secret {name}", str(error), f"`modal secret create {name} KEY=VALUE`."
                ) from error
        for folder in folders:
            self._check_corpus(PurePosixPath(folder))

    def _check_volume(self, each: Mapping[str, Any]) -> None:
        try:
            create = bool(each.get("create"))
            modal.Volume.from_name(each["name"], create_if_missing=create).hydrate()
        except NotFoundError as error:
            raise MissingVolume(
                f"a volume {each['name']} for {each['path']}",
                str(error),
                f"`modal volume create {each['name']}`, or correct hydra.launcher.volumes.",
            ) from error

    def _check_corpus(self, folder: PurePosixPath) -> None:
        bucket = self.cloud.bucket
        if bucket is not None and folder.is_relative_to(bucket["path"]):
            log.info("%s lies in the bucket %s and is not looked at", folder, bucket["name"])
            return
        holding = [each for each in self.cloud.volumes if folder.is_relative_to(each["path"])]
        if not holding:
            raise CorpusMissing(
                f"a corpus below {', '.join(each['path'] for each in self.cloud.volumes)}",
                str(folder),
                "Say data.root=... as containers see it, or mount its volume there.",
            )
        path, name = max((each["path"], each["name"]) for each in holding)
        inside = "/" + folder.relative_to(path).as_posix().strip(".")
        try:
            there = next(iter(modal.Volume.from_name(name).listdir(inside)), None)
        except (NotFoundError, FileNotFoundError):
            there = None
        if there is None:
            raise CorpusMissing(
                f"recordings in {folder}",
                f"nothing at {inside} on the volume {name}",
                f"`modal volume put {name} LOCAL_FOLDER {inside}`, or correct data.root.",
            )
