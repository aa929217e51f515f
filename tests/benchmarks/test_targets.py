"""A run is held against each target, and what was not measured is not called met."""

import pytest
import targets
from peers.roster import BAR, LOOP, OWN, PREDECESSOR

NAMES = (*OWN, BAR, "EvoBrain", PREDECESSOR, LOOP, *(f"{name} bf16" for name in OWN))


def timing(seconds):
    return {"clock_s": seconds, "median_s": seconds, "processor_s": 2 * seconds}


def run_of(own_s, peer_s, *, batch_4=4.0, longer=1.0, floor=0.9, peak=2.0):
    """A result in which all of ours take one time and all peers another."""
    rows = {name: timing(own_s if name.startswith("v3") else peer_s) for name in NAMES}
    one = {"forward": rows, "train": rows}
    four = {
        what: {name: timing(batch_4 * row["clock_s"]) for name, row in rows.items()} for what in one
    }
    minutes = {str(n): timing(n * own_s * (longer if n > 1 else 1.0)) for n in (1, 2, 5, 10)}
    return {
        "batch 1": one,
        "batch 4": four,
        "slow": one,
        "parts": {"v3": {"front": {"floor_s": floor * own_s}}},
        "minutes": minutes,
        "peak_gbyte": {name: {"forward": 1.0, "train": peak} for name in OWN},
    }


def test_a_run_far_ahead_meets_every_target():
    verdicts = targets.judge(run_of(1.0, 10.0))
    assert [verdict.met for verdict in verdicts] == [True] * len(verdicts)
    assert len(verdicts) == len(targets.SPEEDS) + 5


def test_a_run_far_behind_misses_every_target():
    verdicts = targets.judge(run_of(10.0, 1.0, batch_4=4.3, longer=1.2, floor=0.5, peak=3.1))
    assert [verdict.met for verdict in verdicts] == [False] * len(verdicts)


def test_reached_is_the_peers_time_over_ours():
    first = next(targets.speeds(run_of(2.0, 3.0)))
    assert (first.clock, first.processor, first.limit) == (1.5, 1.5, 1.2)
    assert BAR in first.target


def test_the_clock_decides():
    result = run_of(1.0, 1.3)
    result["batch 1"]["forward"][BAR] = timing(1.3) | {"processor_s": 0.1}
    first = next(targets.speeds(result))
    assert first.met
    assert first.processor == pytest.approx(0.05)


def test_a_cost_just_at_its_limit_is_met():
    batch, floor = targets.batch_and_floor(run_of(1.0, 1.0, batch_4=4.2, floor=1 / 1.5))
    assert batch.met
    assert floor.clock == pytest.approx(1.5)


def test_the_worst_length_counts():
    result = run_of(1.0, 1.0)
    result["minutes"]["5"] = timing(5 * 1.2)
    (verdict,) = targets.lengths(result)
    assert verdict.clock == pytest.approx(0.2)
    assert not verdict.met


def test_what_was_not_measured_is_neither_met_nor_missed(capsys):
    result = run_of(1.0, 1.0)
    quick = {"batch 1": result["batch 1"], "parts": result["parts"]}
    del quick["batch 1"]["train"]["EvoBrain"]
    verdicts = {verdict.target: verdict for verdict in targets.judge(quick)}
    for words in ("batch 4", "EvoBrain", "peak GB", "10 minutes", PREDECESSOR):
        assert any(verdict.met is None for name, verdict in verdicts.items() if words in name)
    targets.show(verdicts.values())
    printed = capsys.readouterr().out
    assert printed.count("not measured") == sum(row.met is None for row in verdicts.values())
    assert printed.count("MISSED") == sum(row.met is False for row in verdicts.values())


def test_rows_for_a_file_say_what_was_met():
    rows = targets.as_rows(targets.judge(run_of(1.0, 10.0)))
    assert all(row["met"] for row in rows)
    assert set(rows[0]) == {"target", "limit", "at_least", "clock", "processor", "met"}
