"""A sweep against a platform of a few lines: what is sent, followed, refused."""

from contextlib import contextmanager

import pytest

from brainbrr.errors import Failed, InUse, InvalidOption
from brainbrr.sweeps.modal.ledger import Ledger, Record
from brainbrr.sweeps.modal.sweep import Sweep, failures
from brainbrr.sweeps.modal.sweep_job import CallResult, JobSpec, SweepJob


class Shelf:
    """Calls that end when the test says so; claims are kept as containers keep them."""

    app_id = "ap-1"

    def __init__(self):
        self.calls, self.ends, self.claims, self.dies = [], {}, {}, set()

    @contextmanager
    def ready(self):
        yield self

    def spawn(self, command, request):
        call_id = f"fc-{len(self.calls)}"
        self.calls.append((call_id, command, dict(request)))
        owner = self.claims.setdefault(request["claim"], call_id)
        if owner != call_id:
            self.ends[call_id] = CallResult("duplicate", call_id=owner)
        if call_id in self.dies:
            raise KeyboardInterrupt
        return call_id

    def poll(self, call_id):
        return self.ends.get(call_id)

    def cancel(self, call_id):
        self.ends[call_id] = CallResult("cancelled")


def jobs(n=2, code="c", price=1.0):
    specs = [JobSpec(number, "train", (f"seed={number}",), code) for number in range(n)]
    return [
        SweepJob(spec, {"run_dir": f"/runs/{spec.key}"}, price, Record(spec.key)) for spec in specs
    ]


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def sweep(tmp_path, shelf):
    return Sweep(shelf, Ledger(tmp_path / "ledger.jsonl"), max_usd=10.0, poll_s=0.0)


def end(shelf, *states, seconds=1800.0):
    for number, state in enumerate(states):
        shelf.ends[f"fc-{number}"] = CallResult(state, seconds)


def test_each_job_is_sent_once_and_its_result_seen_once(sweep, shelf):
    sent = sweep.send(jobs())
    assert [job.state for job in sent] == ["running", "running"]
    assert [call[1] for call in shelf.calls] == ["train", "train"]
    end(shelf, "finished", "failed")
    seen = []
    ended = sweep.follow(sent, seen.append)
    assert [job.state for job in ended] == ["finished", "failed"]
    assert [job.spec.number for job in seen] == [0, 1]
    assert [job.record.spent_usd for job in ended] == [0.5, 0.5]
    with pytest.raises(Failed, match=r"2 finished jobs; got 1 \(job 1 failed\).*again=true"):
        raise failures(ended)
    assert failures(ended[:1]) is None


def test_a_second_launch_sends_nothing_and_brings_results_again(sweep, shelf):
    sweep.send(jobs())
    again = sweep.send(jobs())
    assert len(shelf.calls) == 2
    end(shelf, "finished", "finished")
    sweep.follow(again, lambda _: None)
    seen = []
    third = sweep.follow(sweep.send(jobs()), seen.append)
    assert len(shelf.calls) == 2 and len(seen) == 2
    assert [job.state for job in third] == ["finished", "finished"]


def test_a_client_that_dies_between_sending_and_noting_sends_again_but_nothing_runs_twice(
    sweep, shelf
):
    shelf.dies = {"fc-1"}
    with pytest.raises(KeyboardInterrupt):
        sweep.send(jobs())
    shelf.dies = set()
    end(shelf, "finished", "finished")
    ended = sweep.follow(sweep.send(jobs()), lambda _: None)
    assert len(shelf.calls) == 3
    assert shelf.calls[1][2]["claim"] == shelf.calls[2][2]["claim"]
    assert [job.record.call_id for job in ended] == ["fc-0", "fc-1"]
    assert failures(ended) is None


def test_what_failed_is_sent_again_only_when_asked(sweep, shelf, tmp_path):
    end(shelf, "finished", "failed")
    sweep.follow(sweep.send(jobs()), lambda _: None)
    assert [job.state for job in sweep.send(jobs())] == ["finished", "failed"]
    asked = Sweep(shelf, sweep.ledger, max_usd=10.0, poll_s=0.0, again=True)
    assert [job.state for job in asked.send(jobs())] == ["finished", "running"]
    first, second = shelf.calls[1][2], shelf.calls[2][2]
    assert first["claim"] != second["claim"]
    # The folder's meter goes on counting, so the second budget includes what the first one used.
    assert second["budget_s"] == pytest.approx((10.0 - 1.0 + 0.5) * 3600)


@pytest.mark.parametrize("state", ["expired", "cancelled"])
def test_what_was_lost_is_sent_again_unasked(sweep, shelf, state):
    end(shelf, "finished", state, seconds=0.0)
    sweep.follow(sweep.send(jobs()), lambda _: None)
    assert [job.state for job in sweep.send(jobs())][1] == "running"


def test_a_result_that_expired_is_fetched_from_its_folder_by_a_new_call(sweep, shelf):
    end(shelf, "finished", "finished")
    sweep.follow(sweep.send(jobs()), lambda _: None)
    end(shelf, "expired", "finished")
    looked = sweep.follow(sweep.send(jobs()), lambda _: None)
    assert [job.state for job in looked] == ["expired", "finished"]
    assert [job.state for job in sweep.send(jobs())] == ["running", "finished"]


def test_changed_code_is_told_and_asks_what_to_do(sweep, shelf):
    sweep.send(jobs(1))
    with pytest.raises(InUse, match=r"1 of 2 jobs \(0\).*code=keep.*code=new"):
        sweep.send(jobs(2, code="d"))
    assert len(shelf.calls) == 1
    keep = Sweep(shelf, sweep.ledger, 10.0, code="keep")
    assert keep.send(jobs(1, code="d"))[0].record.call_id == "fc-0"
    new = Sweep(shelf, sweep.ledger, 10.0, code="new")
    assert new.send(jobs(1, code="d"))[0].record.call_id == "fc-1"


def test_the_cap_is_shared_and_held_against_what_is_spent_or_reserved(sweep, shelf):
    sweep.send(jobs(2))
    assert [call[2]["budget_s"] for call in shelf.calls] == [5 * 3600.0] * 2
    with pytest.raises(InvalidOption, match=r"max_usd=10\.00; got 1 jobs to send, 10\.00 USD"):
        sweep.send(jobs(3))
    end(shelf, "finished", "finished")
    sweep.follow(sweep.send(jobs(2)), lambda _: None)
    sweep.send(jobs(3))
    assert shelf.calls[2][2]["budget_s"] == 9 * 3600.0


def test_a_sweep_without_a_budget_sends_nothing(shelf, tmp_path):
    sweep = Sweep(shelf, Ledger(tmp_path / "ledger.jsonl"), max_usd=0.0)
    with pytest.raises(InvalidOption, match=r"max_usd=0\.00; got 2 jobs to send, 0\.00 USD"):
        sweep.send(jobs(2))
    assert shelf.calls == [] and sweep.ledger.events() == []


def test_an_end_without_a_meter_counts_its_whole_reserve(sweep, shelf):
    end(shelf, "crashed", "timed_out", seconds=0.0)
    ended = sweep.follow(sweep.send(jobs()), lambda _: None)
    assert [job.record.spent_usd for job in ended] == [5.0, 5.0]


def test_cancelling_ends_what_runs(sweep, shelf):
    sweep.send(jobs())
    end(shelf, "finished")
    sweep.follow([sweep.send(jobs())[0]], lambda _: None)
    sweep.cancel(jobs())
    assert shelf.ends["fc-0"].state == "finished"
    assert shelf.ends["fc-1"].state == "cancelled"
