import pytest

from brainbrr.errors import InvalidOption
from brainbrr.synthesis.parameters import SynthesisParameters


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"n_subjects": {"train": 1, "val": 1}}, "n_subjects of 0 or more for each of train, val"),
        ({"n_subjects": {"train": 0, "val": 0, "test": 0}}, "at least one subject"),
        ({"n_recordings": 0}, "at least one subject with one recording"),
        ({"seizures_per_hour": {"train": -1, "val": 1, "test": 1}}, "seizures_per_hour of 0 or"),
        ({"duration_s": 0.5}, "whole seconds from 1 to"),
        ({"duration_s": 10**6}, "whole seconds from 1 to"),
        ({"min_seizure_s": 50.0, "max_seizure_s": 20.0}, "min_seizure_s <= max_seizure_s"),
        ({"artefacts_per_hour": -1.0}, "artefacts_per_hour of 0 or more"),
        ({"montages": ("laplacian",)}, "montages among common, linked_ears"),
        ({"montages": ()}, "montages among"),
        ({"rates_hz": (64,)}, "rates_hz as whole numbers of 128 or more"),
        ({"mains_hz": ()}, "positive mains_hz"),
        ({"difficulty": 1.5}, "difficulty from 0 to 1"),
        ({"difficulty": [0.5, -1]}, "difficulty from 0 to 1"),
        ({"difficulty": []}, "difficulty from 0 to 1"),
        ({"populations": {"neonate": 1.0}}, "populations with weights .* among adult, child"),
        ({"populations": {"adult": 0.0}}, "populations with weights of 0 or more, one of them"),
        ({"seizure_types": {"focal": -1.0}}, "seizure_types with weights of 0 or more"),
        ({"plantings": -1}, "plantings of 0 or more"),
        ({"seed": -1}, "a seed of 0 or more"),
    ],
)
def test_impossible_parameters_are_refused(wrong, match):
    with pytest.raises(InvalidOption, match=match):
        SynthesisParameters(**wrong)


def test_lists_of_a_configuration_become_tuples():
    assert SynthesisParameters(rates_hz=[256, 512]).rates_hz == (256, 512)
