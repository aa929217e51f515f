"""Previous names of options are read as their present names."""

from omegaconf import OmegaConf

from brainbrr.cli.override_check import check_overrides
from brainbrr.cli.renamed import current, rename_arguments


def test_previous_names_become_present_ones_and_values_stay() -> None:
    given = ["quantise=int8", "--multirun", "output=quantise=1.onnx", "data.quantise=x"]
    assert rename_arguments(given) == ["quantize=int8", *given[1:]]


def test_the_previous_option_of_export_composes() -> None:
    typed = ["detector=d", "output=d.onnx", "quantise=int8", "szcore.licence=MIT"]
    composed = check_overrides("export", rename_arguments(typed))
    assert composed is not None
    assert OmegaConf.select(composed, "quantize") == "int8"
    assert OmegaConf.select(composed, "szcore.license") == "MIT"


def test_a_stored_number_of_curve_points_is_left_out() -> None:
    target = "brainbrr.scoring.corpus.score_corpus"
    stored = {"_target_": target, "n_curve_points": 500, "n_resamples": 10}
    assert current(stored) == {"_target_": target, "n_resamples": 10}
