"""What evaluate writes next to the scores, and what it states of where they come from."""

from dataclasses import replace

import pytest

from brainbrr.cli.evaluate import Predictions, about, substitutions, write_predictions
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.events.trace_file import SUFFIX, load_trace
from brainbrr.events.tsv import read_tsv
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
