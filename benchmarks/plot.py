"""V3's speed beside SeizureTransformer in every run so far, and all peers of the last, as an SVG.

python benchmarks/plot.py

Reads results/model_peers.jsonl and writes results/speed.svg. Above, for each run in order, how many
times as fast by processor time: ratios of one run bear a busy machine, seconds of two runs do not.
Below, milliseconds by the clock of every network of the last run.
"""

import json
import math
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
BAR = "SeizureTransformer"
LINES = {
    ("v3", "forward"): "#1b6ca8",
    ("v3", "train"): "#7fb2d9",
    ("v3_electrode", "forward"): "#b3541e",
    ("v3_electrode", "train"): "#e0a981",
}
PEER = {"forward": "#555555", "train": "#bbbbbb"}
WIDTH, HEIGHT, LEFT, TOP = 640, 320, 48, 24
BARS_LEFT, ROW = 190, 26
OWN = ("v3", "v3 bf16", "v3_electrode", "v3_electrode bf16")


def main():
    text = (RESULTS / "model_peers.jsonl").read_text(encoding="utf-8")
    runs = [json.loads(line) for line in text.splitlines()]
    (RESULTS / "speed.svg").write_text(draw(runs), encoding="utf-8")
    print(f"{len(runs)} runs in {RESULTS.name}/speed.svg")


def draw(runs):
    """Both pictures, one above the other."""
    below, depth = bars(runs[-1], HEIGHT + 60)
    body = "\n".join([*history(runs), *below])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 170} {depth}"'
        f' font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def history(runs):
    """A curve of each of ours and pass."""
    series = {key: [ratio(run, *key) for run in runs] for key in LINES}
    highest = max(3.0, *(value for values in series.values() for value in values))
    parts = [axis(highest, runs)]
    for number, (key, values) in enumerate(series.items()):
        parts.append(curve(values, highest, LINES[key]))
        parts.append(text(WIDTH + 8, TOP + 16 * number, " ".join(key), fill=LINES[key]))
    return parts


def ratio(run, name, what):
    """Times SeizureTransformer's speed at batch 1."""
    row = run["batch 1"][what]
    return row[BAR]["processor_s"] / row[name]["processor_s"]


def place(number, value, n_runs, highest):
    x = LEFT + (WIDTH - LEFT) * (number + 0.5) / n_runs
    return x, TOP + (HEIGHT - TOP) * (1 - value / highest)


def curve(values, highest, colour):
    points = [place(i, value, len(values), highest) for i, value in enumerate(values)]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}"/>{dots}'


def axis(highest, runs):
    rows = [text(LEFT, 14, f"times {BAR}'s speed, batch 1, processor time")]
    for value in range(int(highest) + 1):
        _, y = place(0, value, 1, highest)
        rows.append(line(LEFT, WIDTH, y, y))
        rows.append(text(LEFT - 28, y + 4, f"{value}x"))
    for number, run in enumerate(runs):
        x, _ = place(number, 0, len(runs), highest)
        day = run["when"][5:16].replace("T", " ")
        rows.append(text(x, HEIGHT + 20, day, anchor="middle"))
    return "\n".join(rows)


def bars(run, top):
    """A pair of bars for each network, fastest first, and how far down they reach."""
    timed = milliseconds(run)
    names = sorted(timed, key=lambda name: timed[name]["forward"])
    values = [value for row in timed.values() for value in row.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first = top + 34
    bottom = first + ROW * len(names)

    def across(value):
        return BARS_LEFT + (WIDTH - BARS_LEFT) * (math.log10(value) - low) / (high - low)

    title = f"milliseconds a window, batch 1, run of {run['when'][:16].replace('T', ' ')}"
    parts = [text(LEFT, top, f"{title}: forward (dark), training step (light); logarithmic")]
    parts.append(text(LEFT, top + 16, "(clip): one number for a window instead of one a sample"))
    for power in range(low, high + 1):
        x = across(10**power)
        parts.append(line(x, x, first - 4, bottom))
        parts.append(text(x, bottom + 14, f"{10**power:g}", anchor="middle"))
    for number, name in enumerate(names):
        parts += pair(label(run, name), timed[name], colours(name), first + ROW * number, across)
    return parts, bottom + 30


def milliseconds(run):
    """Of each network by pass; slow peers were timed apart, with v3 once more."""
    timed = {}
    for block in ("slow", "batch 1"):
        for what, rows in run.get(block, {}).items():
            for name, row in rows.items():
                timed.setdefault(name, {})[what] = 1e3 * row["clock_s"]
    return timed


def label(run, name):
    """The name, marked where one number answers for a whole window."""
    answers = run.get("sizes", {}).get(name, {}).get("answers")
    return f"{name} (clip)" if answers == "clip" else name


def colours(name):
    """Ours as in the history, peers in grey."""
    if name not in OWN:
        return PEER
    return {what: LINES[(name.removesuffix(" bf16"), what)] for what in ("forward", "train")}


def pair(name, times, colour, y, across):
    weight = "bold" if colour is not PEER else "normal"
    parts = [text(BARS_LEFT - 8, y + 14, name, anchor="end", weight=weight)]
    for number, (what, value) in enumerate(sorted(times.items())):
        height, x, upper = 10, across(value), y + 11 * number
        parts.append(
            f'<rect x="{BARS_LEFT}" y="{upper:.1f}" width="{x - BARS_LEFT:.1f}"'
            f' height="{height}" fill="{colour[what]}"/>'
        )
        parts.append(text(x + 4, upper + 9, f"{value:.0f}", size=10))
    return parts


def line(x1, x2, y1, y2):
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def text(x, y, words, *, fill="black", anchor="start", weight="normal", size=12):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}"'
        f' font-weight="{weight}" font-size="{size}">{words}</text>'
    )


if __name__ == "__main__":
    main()
