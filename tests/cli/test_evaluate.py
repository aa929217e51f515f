"""What evaluate writes next to the scores, and what it states of where they come from."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra import compose, initialize_config_dir

from brainbrr.cli import device, evaluate
from brainbrr.cli.evaluate import (
    Predictions,
    about,
    predict_rows,
    substitutions,
    write_predictions,
)
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.dataset import open_mapped
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.events.trace_file import SUFFIX, load_trace
from brainbrr.events.tsv import read_tsv
from brainbrr.inference.detector import Detector
from brainbrr.scoring.folders import score
from tests import tiny_corpus as tiny


def test_predictions_mirror_the_corpus_and_can_be_scored_from_the_folders(tmp_path):
    rows = [
        replace(tiny.row(n, "test", 100.0, []), source=f"sub-{n}/eeg/sub-{n}_run-0_eeg.edf")
        for n in range(2)
    ]
    names = [row.recording_id for row in rows]
    truth = {name: Annotation((Event(20.0, 10.0),), 100.0) for name in names}
    claim = truth | {names[1]: Annotation((), 100.0)}
    traces = {name: Trace([0.25] * 200, 2.0, []) for name in names}
    subjects = dict(zip(names, "ab", strict=True))
    write_predictions(Predictions(truth, claim, traces, subjects), rows, tmp_path)
    table = tmp_path / "hypothesis/sub-0/eeg/sub-0_run-0_events.tsv"
    assert read_tsv(table).events[0].onset_s == 20.0
    assert not read_tsv(tmp_path / "hypothesis/sub-1/eeg/sub-1_run-0_events.tsv").seizures
    assert load_trace(tmp_path / "traces" / f"{names[0]}{SUFFIX}").duration_s == 100.0
    scores = score(tmp_path / "reference", tmp_path / "hypothesis")
    assert scores["szcore"]["event"]["pooled"]["sensitivity"] == 0.5


def test_each_substitution_is_a_sentence_and_none_is_none():
    row = tiny.row(0, "test", 60.0, [])
    assert substitutions([row]) == []
    observed = [False, *row.observed[1:]]
    changed = replace(
        row, interpolated=["T3", "Cz"], observed=observed, gaps=[[1.0, 2.0]],
        bad_spans=[["C3", 1.0, 2.0, "flat"]] * 3,
    )  # fmt: skip
    assert substitutions([row, changed]) == [
        "Cz, T3 interpolated in 1 recordings.",
        "Electrodes absent and masked in 1 recordings.",
        "3 spans of single electrodes were marked bad.",
        "1 gaps in the recordings; rates count recorded time only.",
    ]


@pytest.mark.parametrize("change", [{"seed": 2}, {"model": {"layers": 3}}])
def test_the_digest_is_of_the_configuration_in_any_order(change):
    configuration = {"seed": 1, "model": {"layers": 2}}
    facts = about("tiny", "test", "brainbrr evaluate", configuration)
    assert (facts["corpus"], facts["split"], facts["seed"]) == ("tiny", "test", 1)
    reordered = about("tiny", "test", "x", dict(reversed(configuration.items())))
    assert reordered["config_digest"] == facts["config_digest"]
    other = about("tiny", "test", "x", configuration | change)
    assert other["config_digest"] != facts["config_digest"] and len(facts["config_digest"]) == 16


@pytest.fixture
def small(tmp_path):
    """A small detector of 8-s windows, and recordings of one and of three windows."""
    network = tiny.TinyNetwork().eval()
    preparation = Preparation(rate_hz=tiny.RATE_HZ, high_hz=15.0)
    rows = [tiny.row(n, "test", duration_s, []) for n, duration_s in enumerate((8.0, 16.0, 8.0))]
    for row in rows:
        tiny.write_signal(row, tmp_path)
    return Detector(network, {}, preparation, tiny.WINDOWING), rows


def test_a_batch_is_filled_from_several_recordings(small, tmp_path, monkeypatch):
    detector, rows = small
    monkeypatch.setattr(evaluate, "open_signal", open_mapped)
    sizes = []
    detector.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    traces = predict_rows(detector, rows, tmp_path, batch_size=4, evidence=False).traces
    assert sizes == [4, 1] and list(traces) == [row.recording_id for row in rows]


PROFILED = [
    ((), ("cuda", "bf16", 16, "high")),
    (("hardware=v100",), ("cuda", "fp16", 16, "highest")),
    (("precision=fp32", "batch_size=3"), ("cuda", "fp32", 3, "highest")),
    (("device=cpu",), ("cpu", "fp32", 4, "highest")),
    (("hardware=cpu", "dataloader.eval_batch_size=7"), ("cpu", "fp32", 7, "highest")),
]


@pytest.mark.parametrize(("options", "expected"), PROFILED, ids=str)
def test_device_precision_and_batch_are_the_profile_s(small, monkeypatch, options, expected):
    """The scores are of a detector that computes as its run did on the same card."""
    asked, sizes = [], []

    def scored(detector, *_, batch_size, **__):
        asked.append(detector.precision)
        sizes.append(batch_size)
        raise InterruptedError

    monkeypatch.setattr(evaluate, "build", lambda *_: lambda *_, **__: SimpleNamespace(
        of_split=lambda _: [], folder=Path()))  # fmt: skip
    monkeypatch.setattr(
        evaluate, "load_detector", lambda _, device: asked.append(device) or small[0]
    )
    monkeypatch.setattr(evaluate, "evaluate_rows", scored)
    monkeypatch.setattr(device, "choose_device", str)
    before, n_threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        cfg = compose(
            "evaluate", ["hardware=rtx3080", "output=x", "hardware.n_threads=1", *options]
        )
    try:
        with pytest.raises(InterruptedError):
            evaluate.run(cfg)
        assert (*asked, *sizes, torch.get_float32_matmul_precision()) == expected
        assert torch.get_num_threads() == 1
    finally:
        torch.set_float32_matmul_precision(before)
        torch.set_num_threads(n_threads)


@pytest.mark.parametrize(
    ("options", "provenance", "expected"),
    [((), {"seed": 7}, 7), (("seed=3",), {"seed": 7}, 3), ((), {}, 1), ((), {"seed": "x"}, 1)],
)
def test_a_corpus_is_divided_by_the_seed_of_training(
    small, monkeypatch, options, provenance, expected
):
    def built(node):
        if "division" in node:
            assert node.division.seed == expected
            raise InterruptedError

    monkeypatch.setattr(evaluate, "build", built)
    monkeypatch.setattr(
        evaluate, "load_detector", lambda *_, **__: replace(small[0], provenance=provenance)
    )
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        cfg = compose("evaluate", ["output=x", "data.root=x", *options])
    with pytest.raises(InterruptedError):
        evaluate.run(cfg)
