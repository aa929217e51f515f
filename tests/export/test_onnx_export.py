"""Every exported form computes what the detector computes, and is refused where it does not fit."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import brainbrr
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.recordings.recording import Recording
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import Failed, InUse, InvalidInput, InvalidOption, NotFound, Unavailable
from brainbrr.events.detection import Detection
from brainbrr.export.load import load_detector
from brainbrr.export.onnx_detector import OnnxWindows, load_onnx
from brainbrr.export.onnx_export import check_request, export_onnx, require_onnx, traceable
from brainbrr.export.parity import agreement, selftest_recording
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model, read_model
from brainbrr.signal.electrodes import ELECTRODES

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def make_detector(**changes: object) -> Detector:
    torch.manual_seed(0)
    family, numbers = read_model("v3_tiny")
    numbers |= {"encoder_channels": [8, 8, 16, 16], **changes}
    network = build_model(family, **numbers).eval()
    # Untrained, the odds hardly move: louder weights at the end make events.
    with torch.no_grad():
        network.head.read.weight.mul_(30.0)
    return Detector(
        network,
        {"family": family, **numbers},
        Preparation(),
        Windowing(256.0, 4.0, 2.0),
        Detection(0.35, 0.32, 0.0, 0.0, 0.0),
        {"tuned_on": "nothing"},
    )


@pytest.fixture(scope="module")
def detector() -> Detector:
    return make_detector()


@pytest.fixture(scope="module")
def onnx_file(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "detector.onnx"
    exported = export_onnx(detector, path)
    assert exported.n_bytes == path.stat().st_size
    assert exported.difference < 1e-5
    return path


def recording(seconds: float = 21.0) -> Recording:
    generator = np.random.default_rng(3)
    eeg_uv = generator.standard_normal((19, round(256 * seconds))).cumsum(axis=1)
    return Recording(eeg_uv.astype(np.float32), 256.0, ELECTRODES)


@pytest.mark.slow
def test_onnx_gives_the_same_trace_and_events(detector: Detector, onnx_file: Path) -> None:
    form = load_detector(onnx_file)
    ours, theirs = form.trace(recording()), detector.trace(recording())
    np.testing.assert_allclose(ours.probability, theirs.probability, atol=1e-4)
    assert np.ptp(theirs.probability) > 0.05
    assert len(detector.events(theirs).events) > 0
    result = agreement(form, detector, [recording(), selftest_recording(detector)])
    assert result.n_events[0] == result.n_events[1] == result.n_equal == result.n_overlapping > 0
    assert (form.detection, form.windowing) == (detector.detection, detector.windowing)


@pytest.mark.slow
def test_onnx_needs_neither_torch_nor_the_model_code(onnx_file: Path, tmp_path: Path) -> None:
    program = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "mne", "hydra") or name.startswith("brainbrr.models"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import numpy as np
from brainbrr.data.recordings.recording import Recording
from brainbrr.export.load import load_detector
from brainbrr.signal.electrodes import ELECTRODES
eeg = np.random.default_rng(0).standard_normal((19, 256 * 8)).astype(np.float32) * 20
trace = load_detector({str(onnx_file)!r}).trace(Recording(eeg, 256.0, ELECTRODES))
assert trace.probability.size == 128
"""
    import subprocess

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.slow
def test_the_file_carries_everything_as_json_and_nothing_of_its_maker(onnx_file: Path) -> None:
    model = onnx.load(onnx_file)
    values = json.loads({row.key: row.value for row in model.metadata_props}["brainbrr"])
    assert values["export"]["format"] == "onnx"
    assert 0 <= values["export"]["difference"] < 1e-5
    assert values["detector"]["detection"]["on_threshold"] == 0.35
    content = onnx_file.read_bytes()
    assert b"site-packages" not in content
    assert str(Path(brainbrr.__file__).parent).encode() not in content


@pytest.mark.slow
def test_onnx_int8_states_its_loss(detector: Detector, tmp_path: Path) -> None:
    exported = export_onnx(detector, tmp_path / "small.onnx", quantize="int8")
    assert 1e-5 < exported.difference < 1.0
    result = agreement(load_onnx(exported.path), detector, [recording()])
    assert 0 < result.mean_difference < result.max_difference


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v3", "v3_electrode", "unet_bimamba"])
def test_every_family_in_its_full_size_goes_through_onnx(name: str, tmp_path: Path) -> None:
    family, numbers = read_model(name)
    torch.manual_seed(0)
    network = build_model(family, **numbers).eval()
    windowing = Windowing(256.0, 60.0, 60.0)
    full = Detector(network, {"family": family, **numbers}, Preparation(), windowing)
    assert export_onnx(full, tmp_path / "d.onnx").difference < 1e-4


@pytest.mark.parametrize(
    ("form", "name", "quantize", "match"),
    [
        ("onx", "d.onnx", None, "Did you mean onnx?"),
        ("coreml", "d.onnx", None, "one of onnx, szcore"),
        ("onnx", "d.onnx", "int4", "Did you mean int8?"),
        ("aoti", "d.pt2", None, "one of onnx, szcore"),
        ("safetensors", "d.safetensors", None, "one of onnx, szcore"),
        ("szcore", "entry", "int8", "int8 with format=onnx"),
        ("onnx", "d.bin", None, r"Use output=.*d\.onnx"),
    ],
)
def test_a_request_that_means_nothing_is_refused(
    tmp_path: Path, form: str, name: str, quantize: str | None, match: str
) -> None:
    with pytest.raises(InvalidOption, match=match):
        check_request(form, tmp_path / name, quantize)


def test_nothing_is_written_over(detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "d.onnx"
    path.write_text("mine")
    with pytest.raises(InUse, match="Choose another output="):
        export_onnx(detector, path)
    assert path.read_text() == "mine"


def test_a_missing_package_is_named_with_the_remedy(
    onnx_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainbrr.export.onnx_detector.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"pip install 'brainbrr\[export\]'"):
        load_onnx(onnx_file)
    monkeypatch.setattr("brainbrr.export.onnx_export.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="onnx, onnxscript, onnxruntime not installed"):
        require_onnx()


def test_an_old_torch_is_named(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "__version__", "2.2.2+cpu")
    with pytest.raises(Unavailable, match="torch 2.9 or newer"):
        export_onnx(detector, tmp_path / "d.onnx")


@pytest.mark.parametrize("name", ["absent.onnx", "absent.pt2", "absent"])
def test_a_path_with_nothing_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=name):
        load_detector(tmp_path / name)


def test_a_graph_convolution_that_depends_on_values_is_refused() -> None:
    pytest.importorskip("torch_geometric")
    with pytest.raises(InvalidInput, match="graph_convolution=ssg"):
        traceable(make_detector(graph_convolution="GCNConv"))


@pytest.mark.slow
def test_a_form_that_differs_is_never_written(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_: OnnxWindows, eeg: np.ndarray, *rest: object) -> np.ndarray:
        return np.zeros((len(eeg), eeg.shape[-1]), np.float32)

    monkeypatch.setattr(OnnxWindows, "__call__", wrong)
    with pytest.raises(Failed, match="Do not use format=onnx"):
        export_onnx(detector, tmp_path / "d.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_stride_changes_the_form_as_it_changes_the_detector(
    detector: Detector, onnx_file: Path
) -> None:
    form = load_detector(onnx_file).with_stride(4.0)
    theirs = replace(detector, windowing=replace(detector.windowing, stride_s=4.0))
    np.testing.assert_allclose(
        form.trace(recording()).probability, theirs.trace(recording()).probability, atol=1e-4
    )
