import re

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from brainbrr.events.detection import Detection
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.models.detector import Explanation
from brainbrr.reporting.figures import BOTTOM, TOP, curve_figure
from brainbrr.reporting.raster import _strokes
from brainbrr.training.callbacks.validation_figures import (
    ValidationFigures,
    precision_curve,
    worst_false_alarm,
    worst_miss,
)
from brainbrr.training.trainer_options import TrainerOptions
from tests import tiny_corpus as tiny


class Validated:
    """Two recordings with known traces."""

    def __init__(self, *levels):
        self.rows = [
            tiny.row(0, "val", 100.0, [[10.0, 10.0, "sz"], [40.0, 10.0, "sz"]]),
            tiny.row(1, "val", 100.0, [[70.0, 10.0, "sz"]]),
        ]
        self.traces = []
        for stretches in levels:
            trace = Trace([0.01] * 400, 4.0, [])
            for start_s, stop_s, level in stretches:
                trace.probability[round(4 * start_s) : round(4 * stop_s)] = level
            self.traces.append(trace)
        self.detection = Detection(on_threshold=0.5, off_threshold=0.4)


def test_the_worst_miss_is_the_seizure_noticed_least():
    validation = Validated([(10, 20, 0.9), (40, 50, 0.2)], [(70, 80, 0.3)])
    assert worst_miss(validation) == (0, Event(40.0, 10.0))


def test_the_worst_false_alarm_is_the_surest_detection_away_from_seizures():
    validation = Validated([(10, 20, 0.99), (60, 75, 0.7)], [(20, 35, 0.9), (70, 80, 0.95)])
    place, event = worst_false_alarm(validation)
    assert place == 1 and event.onset_s == pytest.approx(20.0, abs=1.0)
    assert worst_false_alarm(Validated([(10, 20, 0.9)], [])) is None


def test_the_curve_shows_both_rules_and_leaves_out_what_is_undefined():
    points = [
        {"threshold": 0.5, "sensitivity": s, "fa_per_24h": f} for s, f in ((0.2, 1), (0.8, 9))
    ]
    undefined = [{"threshold": 0.5, "sensitivity": None, "fa_per_24h": 1.0}]
    drawing = curve_figure({"szcore": points, "ovlp": undefined})
    curves = re.findall(r'class="curve s(\d)"[^>]* d="([^"]*)"', drawing)
    # Each curve is followed by its key; the undefined one is empty.
    assert [number for number, _ in curves] == ["1", "1", "2", "2"] and curves[2][1] == ""
    path = curves[0][1]
    (points,) = _strokes(path)
    # From one operating point to the next in steps, rate first: 0.2 at 1, then 0.8 at 9.
    share = (BOTTOM - points[:, 1] / 2) / (BOTTOM - TOP)
    assert share == pytest.approx([0.2, 0.2, 0.8], abs=2e-3)
    assert points[0, 0] < points[1, 0] == points[2, 0]


def test_precision_falls_from_the_surest_samples_to_the_share_of_seizure():
    validation = Validated([(10, 20, 0.9), (40, 50, 0.4)], [(20, 40, 0.6), (70, 80, 0.3)])
    sensitivity, precision, prevalence = precision_curve(validation)
    assert prevalence == pytest.approx(0.15)
    # 10 s above 0.8 are all seizure; 30 s above 0.5 hold the same 10 s.
    for found, right in ((1 / 3, 1.0), (1 / 3, 1 / 3), (2 / 3, 1 / 2), (1.0, 30 / 50)):
        assert any(np.isclose(sensitivity, found) & np.isclose(precision, right))
    assert (sensitivity[-1], precision[-1]) == (1.0, pytest.approx(0.15))


class Graphed(tiny.TinyNetwork):
    """A network with a graph: the first two electrodes tied in the window's second half."""

    def explain(self, eeg, observed):
        adjacency = torch.zeros(len(eeg), 16, 19, 19)
        adjacency[:, 8:, 0, 1] = adjacency[:, 8:, 1, 0] = 0.7
        return Explanation(adjacency, torch.ones(len(eeg), 19, 16), self(eeg, observed))


def test_figures_and_scores_land_in_tensorboard(tmp_path, rows, cache):
    board = TensorBoardLogger(tmp_path, name="", version="tensorboard")
    callbacks = tiny.callback_set(tmp_path, figures=ValidationFigures())
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=2)
    tiny.run(
        tmp_path, rows, cache, network=Graphed(), trainer=options, callbacks=callbacks,
        loggers=[board],
        configuration={"model": {"width": 4}},
    )  # fmt: skip
    board.finalize("success")
    written = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0, "scalars": 0}).Reload()
    assert {"val/event_f1", "val/loss"} <= set(written.Tags()["scalars"])
    assert "best/val/event_f1" in written.Tags()["scalars"]
    images = set(written.Tags()["images"])
    assert images >= {
        "val/worst_miss",
        "val/sensitivity_against_false_alarms",
        "val/precision_against_sensitivity",
        "val/adjacency",
    }
