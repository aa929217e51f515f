"""A small corpus of invented recordings, its scores and its cases."""

import numpy as np
import pytest

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.trace import Trace
from brainbrr.reporting.cases import select_cases
from tests.reporting.report_examples import PLANTED, nedc, read_eeg, szcore


def of_subject(sensitivity):
    event = szcore(sensitivity=sensitivity, precision=0.5, f1=0.25, fp_per_day=3.0)
    return {
        "recordings": 1,
        "duration_s": 7200.0,
        "szcore": {"event": event},
        "nedc": {"ovlp": nedc(sensitivity, 4.0)},
    }


@pytest.fixture(scope="module")
def scores():
    mean = szcore(sensitivity=0.6, precision=None, f1=0.417, fp_per_day=8.2)
    points = [(1.0, 0.0, 0.0), (0.5, 0.4, 2.0), (0.1, 0.9, 60.0)]
    curve = [
        {"threshold": threshold, "sensitivity": share, "fa_per_24h": rate}
        for threshold, share, rate in points
    ]
    return {
        "szcore": {
            "event": {
                "subject_mean": mean,
                "pooled": szcore(sensitivity=0.6, precision=0.75, f1=0.667, fp_per_day=8.0),
                "legacy_f1": {"subject_mean": 0.611, "pooled": 0.667},
            }
        },
        "nedc": {"ovlp": nedc(0.6, 11.3), "ira": {"kappa": None}},
        "curve": {
            "ovlp": curve,
            "sensitivity_at_fa": {"10": 0.54, "5": 0.4, "2.5": 0.29, "1": None},
        },
        "sample_level": {
            "auroc": 0.891,
            "average_precision": None,
            "ece": 0.031,
            "reliability": [
                {"confidence": 0.1, "frequency": 0.05, "n": 1000},
                {"confidence": None, "frequency": None, "n": 0},
                {"confidence": 0.8, "frequency": 0.7, "n": 10},
            ],
        },
        "intervals_95": {"szcore": {"event": {"subject_mean": {"f1": [0.312, 0.523]}}}},
        "subjects": {
            PLANTED: of_subject(None),
            "sub-02": of_subject(0.7),
            "sub-01": of_subject(0.2),
        },
        "files": {"expected": 3, "scored": 2, "missing": ["sub-03_<run>"]},
        "definitions": {"timescoring": "0.0.7"},
    }


@pytest.fixture(scope="module")
def corpus():
    """References, hypotheses and traces of three recordings; the third one is not annotated."""
    references = {
        PLANTED: Annotation((Event(100.0, 30.0), Event(300.0, 20.0), Event(500.0, 60.0)), 900.0),
        "sub-02": Annotation((), 900.0),
    }
    hypotheses = {
        PLANTED: Annotation((Event(105.0, 30.0, confidence=0.9, channels=("F7",)),), 900.0),
        "sub-02": Annotation(
            (
                Event(50.0, 10.0, confidence=0.55),
                Event(200.0, 100.0, confidence=0.95),
                Event(600.0, 10.0, confidence=0.7),
            ),
            900.0,
        ),
        "sub-03": Annotation((Event(10.0, 8.0, confidence=0.51),), 900.0),
    }
    probability = np.zeros(900, np.float32)
    probability[500:560] = 0.25
    return references, hypotheses, {PLANTED: Trace(probability, 1.0, [])}


@pytest.fixture(scope="module")
def cases(corpus):
    graph = np.eye(19, k=1, dtype=np.float32)
    return select_cases(*corpus, read_eeg, read_adjacency=lambda *_: graph)
