"""A detector in one ONNX file: what it computes, what it is called by, what it needs."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from brainbrr.data.windows.index import Windowing
from brainbrr.errors import Unavailable
from brainbrr.export import onnx_detector
from brainbrr.export.onnx_detector import load_onnx, open_session
from brainbrr.release.untrusted import InvalidDetector
from brainbrr.signal.window_eeg import WindowEeg
from tests.export.small_onnx import LENGTH, describe, small_model


def windows(n: int) -> WindowEeg:
    eeg = np.random.default_rng(0).integers(-300, 300, (n, 19, LENGTH)).astype(np.int16)
    numbers = np.zeros((n, 19), np.float32)
    return WindowEeg(eeg, np.ones((n, 19), bool), numbers, numbers + 1)


def saved(folder: Path, model: onnx.ModelProto, name: str = "a.onnx") -> Path:
    onnx.save(model, folder / name)
    return folder / name


@pytest.mark.parametrize("threads", [None, 1])
def test_it_computes_what_the_graph_says(tmp_path: Path, threads: int | None) -> None:
    detector = load_onnx(saved(tmp_path, small_model()), threads=threads)
    batch = windows(3)
    expected = 1 / (1 + np.exp(-0.1 * batch.eeg.mean(1)))
    # A sigmoid in float32 near 0 is exact to a rounding of 1.
    np.testing.assert_allclose(detector.backend(batch), expected, rtol=1e-4, atol=2**-23)
    assert detector.windowing == Windowing(256.0, 2.0, 1.0)
    assert detector.export == {"format": "onnx"} and detector.model == {"family": "v3"}


def test_its_weights_are_known_by_the_files_digest(tmp_path: Path) -> None:
    first, second = small_model(), small_model()
    second.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.array([0.2], np.float32), "gain")
    )
    paths = [saved(tmp_path, model, f"{i}.onnx") for i, model in enumerate((first, second))]
    detectors = [load_onnx(path) for path in paths]
    digests = [sha256(path.read_bytes()).hexdigest() for path in paths]
    assert [detector.weights_digest for detector in detectors] == digests
    assert detectors[0].identity != detectors[1].identity
    assert load_onnx(paths[0]).identity == detectors[0].identity


def test_without_the_runtime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_detector, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"onnxruntime.*pip install 'brainbrr\[export\]'"):
        open_session(b"")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, "no description under 'brainbrr'"),
        ("{", "plain JSON"),
        ("[]", "the parts detector, export"),
        ('{"detector": {}, "export": 1}', "export as a mapping"),
    ],
)
def test_a_file_without_its_description_is_refused(
    tmp_path: Path, text: str | None, match: str
) -> None:
    model = small_model()
    describe(model, text)
    with pytest.raises(InvalidDetector, match=match):
        load_onnx(saved(tmp_path, model))


def test_a_graph_for_windows_of_another_length_is_refused(tmp_path: Path) -> None:
    model = small_model()
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[-1].dim_value = LENGTH + 1
    with pytest.raises(InvalidDetector, match=f"probabilities of {LENGTH} samples"):
        load_onnx(saved(tmp_path, model))
