from brainbrr.training.callbacks.metrics_file import MetricsFile, read_metrics


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
