from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from brainbrr.training.callbacks.curves import purge_curves


def test_a_continued_curve_shows_each_step_once_and_the_later_value(tmp_path):
    def draw(steps, value, behind=None):
        board = TensorBoardLogger(tmp_path, name="", version="tensorboard")
        if behind is not None:
            purge_curves(board, behind)
        for step in steps:
            board.log_metrics({"train/loss": value, "val/f1": value}, step)
        board.finalize("success")

    draw(range(1, 7), 1.0)
    draw(range(4, 9), 2.0, behind=3)
    draw(range(6, 8), 3.0, behind=5)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for name in ("train/loss", "val/f1"):
        drawn = [(each.step, each.value) for each in events.Scalars(name)]
        assert drawn == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)]
