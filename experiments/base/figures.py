"""Draw sensitivity against false alarms of several evaluations, and the reliability of the first.

python experiments/base/figures.py OUTPUT NAME=EVALUATION...

`EVALUATION` is the output of `brainbrr evaluate`.
"""

import json
import sys
from pathlib import Path

from PIL import Image

from brainbrr.reporting.figures import curve_figure, reliability_figure
from brainbrr.reporting.raster import raster
from brainbrr.reporting.report import reliability_sets


def main(output: str, *evaluations: str) -> None:
    """Write the two pictures."""
    scores = {}
    for given in evaluations:
        name, folder = given.split("=", 1)
        scores[name] = json.loads((Path(folder) / "scores.json").read_text(encoding="utf-8"))
    drawn = {
        "sensitivity": curve_figure({name: each["curve"]["ovlp"] for name, each in scores.items()}),
        "reliability": reliability_figure(reliability_sets(next(iter(scores.values())))),
    }
    for name, figure in drawn.items():
        Image.fromarray(raster(figure)).save(Path(output) / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
