import fcntl
import logging
import subprocess
import sys

import pytest

from brainbrr.errors import InvalidFile
from brainbrr.sweeps.modal.ledger import Ledger, Record


def sent(ledger, key="a", attempt=0, call="fc-1", reserved=2.0):
    ledger.append("sending", key, attempt=attempt, reserved_usd=reserved)
    ledger.append("sent", key, call_id=call, app_id="ap-1")


def test_replaying_gives_what_is_known(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "ledger.jsonl")
    assert ledger.records() == {}
    sent(ledger)
    ledger.append("sending", "b", attempt=0, reserved_usd=1.0)
    assert ledger.records() == {
        "a": Record("a", "sent", 0, "fc-1", "ap-1", 2.0),
        "b": Record("b", "sending", 0, reserved_usd=1.0),
    }
    assert all(record.is_open for record in ledger.records().values())


def test_an_end_frees_the_reserve_and_attempts_add_up(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    sent(ledger)
    ledger.append("ended", "a", state="failed", usd=0.5, call_id="fc-1")
    ledger.append("ended", "a", state="finished", usd=9.0, call_id="fc-1")
    assert ledger.records()["a"] == Record("a", "failed", 0, "fc-1", "ap-1", 0.0, 0.5)
    sent(ledger, attempt=1, call="fc-2")
    ledger.append("ended", "a", state="finished", usd=0.25, call_id="fc-2")
    assert ledger.records()["a"] == Record("a", "finished", 1, "fc-2", "ap-1", 0.0, 0.75)
    ledger.append("expired", "a", call_id="fc-2")
    assert ledger.records()["a"].state == "expired"


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_cut_short_by_a_crash_costs_that_line_alone(tmp_path, cut, caplog):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    sent(ledger)
    whole = ledger.path.read_bytes()
    ledger.append("ended", "a", state="finished", usd=1.0)
    ledger.path.write_bytes(ledger.path.read_bytes()[: len(whole) + cut])
    with caplog.at_level(logging.WARNING):
        assert ledger.records()["a"].state == "sent"
    assert "line 3 was cut short" in caplog.text
    ledger.append("ended", "a", state="finished", usd=1.0)
    assert ledger.records()["a"].state == "finished"
    assert ledger.path.read_bytes().startswith(whole)


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    (tmp_path / "ledger.jsonl").write_text("[1]\n")
    with pytest.raises(InvalidFile, match=r"line 1 of .*ledger\.jsonl.*found again"):
        Ledger(tmp_path / "ledger.jsonl").events()


def test_a_killed_launch_holds_nothing(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    code = (
        "import sys, time; from brainbrr.sweeps.modal.ledger import Ledger\n"
        f"with Ledger({str(ledger.path)!r}).locked(): print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    with ledger.path.with_suffix(".lock").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    other.kill()
    other.communicate()
    with ledger.locked():
        ledger.append("sending", "a", attempt=0, reserved_usd=0.0)
    assert ledger.records()["a"].state == "sending"
