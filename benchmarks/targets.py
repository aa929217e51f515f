"""What V3's speed is to reach, and what one run of model_peers.py reached of it.

Judged by the clock, which is what a user waits for; the processor's time stands beside it, because
other programs disturb it less.
"""

from dataclasses import asdict, dataclass

from peers.roster import BAR, PREDECESSOR

SPEEDS = (
    ("batch 1", "forward", "v3", BAR, 1.2),
    ("batch 4", "forward", "v3", BAR, 1.2),
    ("batch 1", "forward", "v3_electrode", BAR, 3.0),
    ("batch 4", "forward", "v3_electrode", BAR, 3.0),
    ("batch 1", "forward", "v3_electrode", "EvoBrain", 2.0),
    ("batch 1", "forward", "v3 bf16", BAR, 2.0),
    ("batch 1", "forward", "v3_electrode bf16", BAR, 2.0),
    ("batch 1", "train", "v3", BAR, 1.2),
    ("batch 1", "train", "v3", "EvoBrain", 1.2),
    ("slow", "train", "v3", PREDECESSOR, 4.0),
    ("batch 1", "train", "v3_electrode", BAR, 2.5),
)
"""Where both were timed, the pass, ours, the peer, and how many times as fast ours is to be."""


@dataclass(frozen=True)
class Verdict:
    """One target and what was reached.

    Attributes:
        target: in words.
        limit: the number to reach.
        at_least: whether more is better.
        clock: what was reached, by the clock; None where it was not measured.
        processor: the same by processor time; None where that says nothing.
    """

    target: str
    limit: float
    at_least: bool
    clock: float | None
    processor: float | None = None

    @property
    def met(self):
        if self.clock is None:
            return None
        return self.clock >= self.limit if self.at_least else self.clock <= self.limit


def judge(result):
    """The verdict on each target, from one run's result."""
    return [*speeds(result), *batch_and_floor(result), *lengths(result), *memory(result)]


def speeds(result):
    """How many times as fast as a peer."""
    for block, what, own, peer, times in SPEEDS:
        rows = result.get(block, {}).get(what, {})
        reached = over(rows.get(peer), rows.get(own))
        place = "" if block == "slow" else f", {block}"
        yield Verdict(f"{own} {what}{place}: times {peer}", times, True, *reached)


def batch_and_floor(result):
    """What four windows cost, and how far one is from what the machine could do."""
    one, four = (result.get(f"batch {batch}", {}).get("forward", {}).get("v3") for batch in (1, 4))
    yield Verdict("v3 forward: batch 4 over batch 1", 4.2, False, *over(four, one))
    floor_s = sum(part["floor_s"] for part in result.get("parts", {}).get("v3", {}).values())
    clock = one["clock_s"] / floor_s if one and floor_s else None
    yield Verdict("v3 forward, batch 1: over the sum of its parts' floors", 1.5, False, clock)


def lengths(result):
    """The worst excess over a cost in proportion to the length."""
    timed = result.get("minutes", {})
    excess = {
        key: max(
            (row[key] / (int(minutes) * timed["1"][key]) - 1 for minutes, row in timed.items()),
            default=None,
        )
        for key in ("clock_s", "processor_s")
    }
    target = "v3 forward, 2 to 10 minutes: excess over a linear cost"
    yield Verdict(target, 0.15, False, excess["clock_s"], excess["processor_s"])


def memory(result):
    """A whole process that trains on four windows."""
    for name in ("v3", "v3_electrode"):
        peak = result.get("peak_gbyte", {}).get(name, {}).get("train")
        yield Verdict(f"{name} training step, batch 4: peak GB", 3.0, False, peak)


def over(above, below):
    """One timing divided by another, by the clock and by the processor."""
    if above is None or below is None:
        return None, None
    return tuple(above[key] / below[key] for key in ("clock_s", "processor_s"))


def show(verdicts):
    """Target, reached, met or missed."""
    print(
        "\ntarget, limit, reached by the clock (by the processor); speeds as multiples of a peer's"
    )
    for verdict in verdicts:
        sign = ">=" if verdict.at_least else "<="
        words = {True: "met", False: "MISSED", None: "not measured"}[verdict.met]
        reached = "-" if verdict.clock is None else f"{verdict.clock:.2f}"
        beside = "" if verdict.processor is None else f" ({verdict.processor:.2f})"
        limit = f"{sign} {verdict.limit:g}"
        print(f"  {verdict.target:60} {limit:8} {reached + beside:15} {words}")


def as_rows(verdicts):
    """Plain values for a file."""
    return [asdict(verdict) | {"met": verdict.met} for verdict in verdicts]
