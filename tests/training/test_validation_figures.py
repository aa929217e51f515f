import pytest
import tiny_corpus as tiny
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from brainbrr.events.detection import Detection
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.training.trainer_options import TrainerOptions
from brainbrr.training.validation_figures import (
    ValidationFigures,
    curve_figure,
    worst_false_alarm,
    worst_miss,
)


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
        self.detection = Detection(on=0.5, off=0.4)


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
    (axes,) = curve_figure({"szcore": points, "ovlp": undefined}).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.2, 0.8], []]


def test_figures_and_scores_land_in_tensorboard(tmp_path, rows, cache):
    board = TensorBoardLogger(tmp_path, name="", version="tensorboard")
    callbacks = tiny.callback_set(tmp_path, figures=ValidationFigures())
    options = TrainerOptions(max_epochs=1, accelerator="cpu", limit_train_batches=2)
    tiny.run(
        tmp_path, rows, cache, trainer=options, callbacks=callbacks, loggers=[board],
        configuration={"model": {"width": 4}},
    )  # fmt: skip
    board.finalize("success")
    written = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0, "scalars": 0}).Reload()
    assert {"val/event_f1", "val/loss"} <= set(written.Tags()["scalars"])
    assert "best/val/event_f1" in written.Tags()["scalars"]
    images = set(written.Tags()["images"])
    assert {"val/worst_miss", "val/sensitivity_against_false_alarms"} <= images
