"""V3's speed beside SeizureTransformer in every run so far, as an SVG.

python benchmarks/plot.py

Reads results/model_peers.jsonl and writes results/speed.svg: for each run, in order, how many times
as fast by processor time. Ratios of one run bear a busy machine; seconds of two runs do not.
"""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
BAR = "SeizureTransformer"
LINES = {
    ("v3", "forward"): "#1b6ca8",
    ("v3", "train"): "#7fb2d9",
    ("v3_electrode", "forward"): "#b3541e",
    ("v3_electrode", "train"): "#e0a981",
}
WIDTH, HEIGHT, LEFT, TOP = 640, 320, 48, 24


def main():
    text = (RESULTS / "model_peers.jsonl").read_text(encoding="utf-8")
    runs = [json.loads(line) for line in text.splitlines()]
    series = {key: [ratio(run, *key) for run in runs] for key in LINES}
    highest = max(3.0, *(value for values in series.values() for value in values))
    parts = [axis(highest, runs)]
    for number, (key, values) in enumerate(series.items()):
        parts.append(curve(values, highest, LINES[key]))
        y = TOP + 16 * number
        parts.append(f'<text x="{WIDTH + 8}" y="{y}" fill="{LINES[key]}">{" ".join(key)}</text>')
    body = "\n".join(parts)
    (RESULTS / "speed.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 170} {HEIGHT + 60}"'
        f' font-family="sans-serif" font-size="12">\n{body}\n</svg>\n',
        encoding="utf-8",
    )
    print(f"{len(runs)} runs in {RESULTS.name}/speed.svg")


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
    rows = []
    for value in range(int(highest) + 1):
        _, y = place(0, value, 1, highest)
        rows.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        rows.append(f'<text x="{LEFT - 28}" y="{y + 4:.1f}">{value}x</text>')
    for number, run in enumerate(runs):
        x, _ = place(number, 0, len(runs), highest)
        day = run["when"][5:16].replace("T", " ")
        rows.append(f'<text x="{x:.1f}" y="{HEIGHT + 20}" text-anchor="middle">{day}</text>')
    title = f"times {BAR}'s speed, batch 1, processor time"
    return "\n".join([f'<text x="{LEFT}" y="14">{title}</text>', *rows])


if __name__ == "__main__":
    main()
