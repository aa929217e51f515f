"""What containers say, streamed to a client as it is said."""

import time
from collections.abc import AsyncIterator
from typing import Any

from modal_proto import api_pb2

from tests.fakes.containers import Containers
from tests.fakes.messages import message


class AppLogs(Containers):
    """Handlers of log streams."""

    async def app_get_logs(self, request: Any) -> AsyncIterator[Any]:
        """What the app's containers say, until it ends."""
        return self._logs_of(request)

    async def _logs_of(self, request: Any) -> AsyncIterator[Any]:
        sent: dict[str, int] = {}
        until = time.monotonic() + request.timeout
        number = int(request.last_entry_id or 0)
        while True:
            app = self.world.apps[request.app_id]
            mine = [
                each
                for each in self.world.containers.values()
                if each.function.app_id == app.app_id and each.log.exists()
            ]
            for container in mine:
                text = container.log.read_text(errors="replace")[sent.get(container.task_id, 0) :]
                if text and number <= sum(sent.values()):
                    sent[container.task_id] = sent.get(container.task_id, 0) + len(text)
                    number = sum(sent.values())
                    item = message(api_pb2.TaskLogs, data=text, file_descriptor=1)
                    yield message(
                        api_pb2.TaskLogsBatch,
                        task_id=container.task_id,
                        items=[item],
                        entry_id=str(number),
                    )
            if app.stopped:
                yield message(api_pb2.TaskLogsBatch, app_done=True)
                return
            if time.monotonic() > until:
                return
            await self.wait_a_little(until)
