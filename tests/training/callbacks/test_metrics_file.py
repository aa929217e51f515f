from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from brainbrr.training.callbacks.metrics_file import MetricsFile, purge_curves, read_metrics


def test_rows_are_there_as_soon_as_they_are_logged_and_a_resumed_run_drops_what_lies_behind(
    tmp_path,
):
    path = tmp_path / "run" / "metrics.csv"
    logger = MetricsFile(path)
    logger.rewind(0)
    for step in range(1, 5):
        logger.log_metrics({"train/loss": 0.1 * step, "epoch": 0}, step)
    assert read_metrics(path) == [(step, "train/loss", 0.1 * step) for step in range(1, 5)]
    logger.rewind(2)
    logger.log_metrics({"train/loss": 7.0}, 3)
    assert [row[::2] for row in read_metrics(path)] == [(1, 0.1), (2, 0.2), (3, 7.0)]
    assert path.read_text().splitlines()[0] == "step,name,value"


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    MetricsFile(path).log_metrics({"a": 1.0, "b": 2.0}, 1)
    with path.open("a") as file:
        file.write("2,tr")
    assert len(read_metrics(path)) == 2
    MetricsFile(path).rewind(5)
    assert path.read_text() == "step,name,value\n1,a,1.0\n1,b,2.0\n"


def test_a_continued_curve_shows_each_step_once_and_the_later_value(tmp_path):
    def draw(steps, value, after=None):
        board = TensorBoardLogger(tmp_path, name="", version="tensorboard")
        if after is not None:
            purge_curves(board, after)
        for step in steps:
            board.log_metrics({"train/loss": value, "val/f1": value}, step)
        board.finalize("success")

    draw(range(1, 7), 1.0)
    draw(range(4, 9), 2.0, after=3)
    draw(range(6, 8), 3.0, after=5)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for name in ("train/loss", "val/f1"):
        drawn = [(each.step, each.value) for each in events.Scalars(name)]
        assert drawn == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)]
