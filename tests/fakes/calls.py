"""The control plane's answers about calls: inputs in, outputs out, retries, cancellation."""

import asyncio
import time
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from tests.fakes.messages import message
from tests.fakes.records import Call, Container, Function, Input, World

Result = api_pb2.GenericResult
SETTLED = (Result.GENERIC_STATUS_SUCCESS, Result.GENERIC_STATUS_TERMINATED)
CRASHES_AT_START = 8
POLL_S = 0.03


class Calls:
    """Handlers and bookkeeping of function calls."""

    world: World

    async def wait_a_little(self, until: float) -> None:
        """Let others act, for a moment or until a time of the monotonic clock."""
        await asyncio.sleep(max(min(until - time.monotonic(), POLL_S), 0))

    async def function_map(self, request: Any) -> Any:
        """A call begins, with inputs or without any yet."""
        invocation = request.function_call_invocation_type
        spawned = invocation == api_pb2.FUNCTION_CALL_INVOCATION_TYPE_ASYNC
        call = Call(self.world.new_id("fc"), request.function_id, spawned)
        self.world.calls[call.call_id] = call
        accepted = await self._accept(call, request.pipelined_inputs)
        return message(
            api_pb2.FunctionMapResponse,
            function_call_id=call.call_id,
            pipelined_inputs=accepted,
            retry_policy=self.world.functions[request.function_id].definition.retry_policy,
            function_call_jwt=call.call_id,
            sync_client_retries_enabled=False,
        )

    async def function_put_inputs(self, request: Any) -> Any:
        """More inputs of a call."""
        call = self.world.calls[request.function_call_id]
        return message(
            api_pb2.FunctionPutInputsResponse, inputs=await self._accept(call, request.inputs)
        )

    async def _accept(self, call: Call, items: Any) -> list[Any]:
        accepted = []
        for item in items:
            taken = Input(self.world.new_id("in"), call.call_id, item.idx, item.input)
            call.inputs.append(taken)
            self.world.inputs[taken.input_id] = taken
            accepted.append(
                message(
                    api_pb2.FunctionPutInputsResponseItem,
                    idx=item.idx,
                    input_id=taken.input_id,
                    input_jwt=taken.input_id,
                )
            )
        return accepted

    def function_finish_inputs(self, request: Any) -> Any:
        """No more inputs follow."""
        return Empty()

    async def function_get_outputs(self, request: Any) -> Any:
        """The outputs after the last one that the client has seen, waiting a while for one."""
        if request.function_call_id not in self.world.calls:
            raise GRPCError(Status.NOT_FOUND, f"{request.function_call_id} not found")
        call = self.world.calls[request.function_call_id]
        seen = int(request.last_entry_id.split("-")[0] or 0) if request.last_entry_id else 0
        until = time.monotonic() + request.timeout
        while True:
            done = sorted(
                (each for each in call.inputs if each.state == "done"), key=lambda e: e.output[0]
            )
            fresh = [each for each in done if each.output[0] > seen]
            if fresh or time.monotonic() >= until:
                break
            await self.wait_a_little(until)
        last = fresh[-1].output[0] if fresh else seen
        return message(
            api_pb2.FunctionGetOutputsResponse,
            idxs=[each.index for each in fresh],
            outputs=[each.output[1] for each in fresh],
            last_entry_id=f"{last}-0",
            num_unfinished_inputs=sum(each.state != "done" for each in call.inputs),
        )

    def function_call_from_id(self, request: Any) -> Any:
        """Whether there is such a call."""
        call = self.world.calls.get(request.function_call_id)
        if call is None:
            raise GRPCError(Status.NOT_FOUND, f"{request.function_call_id} not found")
        return message(
            api_pb2.FunctionCallFromIdResponse,
            function_call_id=call.call_id,
            num_inputs=len(call.inputs),
        )

    async def function_call_cancel(self, request: Any) -> Any:
        """End a call: what waits at once, what runs by an event to its container."""
        for each in self.world.calls[request.function_call_id].inputs:
            container = self.holder(each)
            if each.state == "pending":
                self.settle(each, Result(status=Result.GENERIC_STATUS_TERMINATED))
            elif container is not None:
                container.cancelled.add(each.input_id)
        return Empty()

    def holder(self, wanted: Input) -> Container | None:
        """The container that works on an input."""
        return next(
            (
                container
                for container in self.world.containers.values()
                if container.ended_at is None and wanted in container.inputs
            ),
            None,
        )

    def pending(self, function: Function) -> list[Input]:
        """Inputs of a function that wait and may be given out now."""
        return [
            each
            for each in self.world.inputs.values()
            if each.state == "pending"
            and each.not_before <= time.monotonic()
            and self.world.calls[each.call_id].function_id == function.function_id
        ]

    def settle(
        self,
        given: Input,
        result: Any,
        data_format: int = api_pb2.DATA_FORMAT_PICKLE,
        task_id: str = "",
    ) -> None:
        """An input is done; late news of it is ignored."""
        if given.state == "done":
            return
        given.state = "done"
        item = message(
            api_pb2.FunctionGetOutputsItem,
            result=result,
            idx=given.index,
            input_id=given.input_id,
            data_format=data_format,
            task_id=task_id,
            retry_count=given.retry_count,
        )
        given.output = (next(self.world.numbers) + 1, item)

    def fail(self, given: Input, result: Any, **how: Any) -> None:
        """An attempt failed: wait and try again where the function's policy allows it."""
        function = self.world.functions[self.world.calls[given.call_id].function_id]
        policy = function.definition.retry_policy
        if given.state == "done":
            return
        if given.retry_count >= policy.retries:
            self.settle(given, result, **how)
            return
        delay_ms = policy.initial_delay_ms * policy.backoff_coefficient**given.retry_count
        given.not_before = time.monotonic() + min(delay_ms, policy.max_delay_ms or delay_ms) / 1000
        given.retry_count += 1
        given.state = "pending"

    async def give_inputs(self, container: Container, request: Any) -> Any:
        """`FunctionGetInputs` of one container: an input, or the word to go."""
        container.fetched = True
        single = container.definition.max_inputs == 1
        until = time.monotonic() + (0 if container.inputs and single else 1.0)
        while True:
            waiting = self.pending(container.function)
            if waiting or time.monotonic() >= until:
                break
            await self.wait_a_little(until)
        if not waiting or container.preempted:
            item = message(api_pb2.FunctionGetInputsItem, kill_switch=True)
            return message(api_pb2.FunctionGetInputsResponse, inputs=[item])
        given = waiting[0]
        given.state = "running"
        given.deliveries += 1
        container.inputs.append(given)
        container.started_at = time.monotonic()
        call = self.world.calls[given.call_id]
        item = message(
            api_pb2.FunctionGetInputsItem,
            input_id=given.input_id,
            input=given.content,
            function_call_id=given.call_id,
            retry_count=given.retry_count,
            function_map_idx=given.index,
            function_call_invocation_type=api_pb2.FUNCTION_CALL_INVOCATION_TYPE_ASYNC
            if call.spawned
            else api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC,
        )
        return message(api_pb2.FunctionGetInputsResponse, inputs=[item])

    async def take_outputs(self, container: Container, request: Any) -> Any:
        """`FunctionPutOutputs` of one container."""
        for item in request.outputs:
            given = self.world.inputs[item.input_id]
            if given not in container.inputs or given.retry_count != item.retry_count:
                continue
            container.inputs.remove(given)
            how = {"data_format": item.data_format, "task_id": container.task_id}
            if item.result.status in SETTLED:
                self.settle(given, item.result, **how)
            else:
                self.fail(given, item.result, **how)
        return Empty()

    async def heartbeat(self, container: Container, request: Any) -> Any:
        """`ContainerHeartbeat` of one container: the news of cancelled inputs."""
        cancelled, container.cancelled = container.cancelled, set()
        if not cancelled:
            return message(api_pb2.ContainerHeartbeatResponse)
        event = message(api_pb2.CancelInputEvent, input_ids=sorted(cancelled))
        return message(api_pb2.ContainerHeartbeatResponse, cancel_input_event=event)
