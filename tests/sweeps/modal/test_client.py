"""How a call on Modal ended: each of its errors has a state, and none ends a sweep."""

from types import SimpleNamespace

import pytest

errors = pytest.importorskip("modal.exception")
client = pytest.importorskip("brainbrr.sweeps.modal.client")


@pytest.fixture
def call(monkeypatch):
    """Lets a call give a value, or raise an error."""
    log = []

    def ends(outcome):
        def get(timeout):
            assert timeout == 0, "polling never waits"
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        found = SimpleNamespace(get=get, cancel=lambda: log.append("cancelled"))
        calls = SimpleNamespace(from_id=lambda call_id: log.append(call_id) or found)
        monkeypatch.setattr(client.modal, "FunctionCall", calls)
        return log

    return ends


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.FunctionTimeoutError("too long"), "timed_out"),
        (errors.OutputExpiredError("gone"), "expired"),
        (errors.NotFoundError("no such call"), "expired"),
        (errors.InputCancellation(), "cancelled"),
        (RuntimeError("Container was terminated"), "cancelled"),
        (RuntimeError("the user Cancelled it"), "cancelled"),
        (ValueError("a bug in the container"), "crashed"),
    ],
)
def test_each_error_has_its_state(call, error, state):
    call(error)
    result = client.ModalPlatform(None).poll("fc-1")
    assert result.state == state
    assert result.detail


@pytest.mark.parametrize(
    "error",
    [TimeoutError(), errors.TimeoutError(""), errors.ConnectionError(""), ConnectionError()],
)
def test_a_call_in_progress_or_out_of_reach_has_not_ended(call, error):
    call(error)
    assert client.ModalPlatform(None).poll("fc-1") is None


def test_a_result_comes_back_whole_and_from_older_containers_too(call):
    call({"state": "finished", "seconds": 3.5, "exit_code": 0, "left_out": ["a", "b"]})
    result = client.ModalPlatform(None).poll("fc-1")
    assert (result.state, result.exit_code, result.left_out) == ("finished", 0, ("a", "b"))
    call({"state": "failed"})
    older = client.ModalPlatform(None).poll("fc-1")
    assert (older.state, older.exit_code, older.left_out, older.files) == ("failed", None, (), {})


def test_the_call_that_is_named_is_cancelled(call):
    log = call(None)
    client.ModalPlatform(None).cancel("fc-7")
    assert log == ["fc-7", "cancelled"]


def test_a_job_goes_to_its_function_as_a_copy():
    sent = []

    def spawn(request):
        sent.append(request)
        return SimpleNamespace(object_id="fc-9")

    request = {"command": "train"}
    running = client.Running(
        SimpleNamespace(app_id="ap-1"), {"train": SimpleNamespace(spawn=spawn)}
    )
    assert running.spawn("train", request) == "fc-9"
    assert sent == [request]
    assert sent[0] is not request
    assert running.app_id == "ap-1"
