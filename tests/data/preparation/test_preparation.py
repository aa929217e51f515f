"""One recording to 19 electrodes in average reference at 256 Hz."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbrr.data.preparation import conditioning
from brainbrr.data.preparation.preparation import (
    AllBad,
    AllFlat,
    AllSaturated,
    ImplausibleAmplitude,
    MissingElectrodes,
    Preparation,
    TooShort,
    open_npy,
    plan_recording,
    prepare,
    prepare_file,
)
from brainbrr.data.preparation.survey import NotFinite
from brainbrr.data.recordings.read import open_recording, read_recording
from brainbrr.data.recordings.recording import BlocksOfRecording, Recording
from brainbrr.data.recordings.refusals import GitLfsPointer
from brainbrr.errors import InvalidOption
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.filters import design_filter, filter_zero_phase
from brainbrr.signal.labels import derivations
from brainbrr.signal.quantization import quantize
from brainbrr.signal.windows import recorded_spans
from tests.edf_writer import Channel, EdfFile, electrode_file
from tests.montages import MONTAGES, derive

CHAINS = [
    "Fp1-F3", "F3-C3", "C3-P3", "P3-O1", "Fp1-F7", "F7-T3", "T3-T5", "T5-O1", "Fz-Cz", "Cz-Pz",
    "C3-Cz", "Cz-C4", "Fp2-F4", "F4-C4", "C4-P4", "P4-O2", "Fp2-F8", "F8-T4", "T4-T6", "T6-O2",
]  # fmt: skip


def scalp(duration_s=40.0, rate_hz=256.0, seed=0):
    """Smooth-spectrum potentials of the 19 electrodes, about 40 uV, below 40 Hz."""
    generator = np.random.default_rng(seed)
    frequency_hz = np.fft.rfftfreq(int(duration_s * rate_hz), 1 / rate_hz)
    shape = np.where((frequency_hz > 0.7) & (frequency_hz < 40), 1 / np.maximum(frequency_hz, 1), 0)
    spectrum = shape * np.exp(2j * np.pi * generator.random((19, len(frequency_hz))))
    eeg = np.fft.irfft(spectrum, int(duration_s * rate_hz))
    return 40 * eeg / eeg.std()


def recording(eeg, labels=None, rate_hz=256.0, **options):
    names = labels or [f"EEG {name}-REF" for name in ELECTRODES]
    return Recording(eeg.astype(np.float32), rate_hz, tuple(names), **options)


def average(eeg):
    return eeg - eeg.mean(axis=0)


def error(found, truth, margin=1024):
    inner = slice(margin, -margin)
    return np.linalg.norm((found - truth)[:, inner]) / np.linalg.norm(truth[:, inner])


def test_band_limited_eeg_comes_out_as_it_went_in():
    eeg = scalp()
    header, prepared = prepare(recording(eeg), Preparation())
    assert prepared.shape == (19, 40 * 256)
    assert prepared.dtype == np.float32
    assert error(prepared, average(eeg)) < 0.03
    assert all(header.observed)
    assert header.reference == "common"
    assert header.bad_spans == []
    assert header.mains_hz is None
    assert header.duration_s == 40.0


@pytest.mark.parametrize("rate_hz", [128.0, 200.0, 250.0, 500.0, 512.0, 1000.0])
def test_every_rate_gives_the_same_eeg_on_the_same_clock(rate_hz):
    truth = average(scalp(40.0, 256.0))
    spectrum = np.fft.rfft(scalp(40.0, 256.0))
    n_samples = int(40 * rate_hz)
    scaled = np.zeros((19, n_samples // 2 + 1), dtype=complex)
    n_kept = min(spectrum.shape[1], scaled.shape[1])
    scaled[:, :n_kept] = spectrum[:, :n_kept]
    eeg = np.fft.irfft(scaled, n_samples) * rate_hz / 256
    header, prepared = prepare(recording(eeg, rate_hz=rate_hz), Preparation())
    assert prepared.shape == truth.shape
    assert error(prepared, truth) < 0.03
    assert header.source_rate_hz == rate_hz


def written_as(eeg, kind):
    """The same potentials as another laboratory would have recorded them."""
    generator = np.random.default_rng(9)
    electrode = dict(zip(ELECTRODES, eeg, strict=True))
    ears = generator.standard_normal((2, eeg.shape[1])) * 30
    if kind == "linked ears":
        return [f"{n}-LE" for n in ELECTRODES], eeg - ears.mean(axis=0)
    if kind == "average":
        return [f"{n}-Avg" for n in ELECTRODES], average(eeg)
    if kind == "Cz":
        names = [n for n in ELECTRODES if n != "Cz"]
        return [f"{n}-Cz" for n in names], np.stack([electrode[n] - electrode["Cz"] for n in names])
    channels = derivations(CHAINS)
    return CHAINS, np.stack([electrode[d.plus] - electrode[d.minus] for d in channels])


@pytest.mark.parametrize("kind", ["linked ears", "average", "Cz", "bipolar"])
def test_every_montage_gives_the_same_eeg(kind):
    eeg = scalp()
    labels, signal = written_as(eeg, kind)
    _, prepared = prepare(recording(signal, labels), Preparation())
    _, expected = prepare(recording(eeg), Preparation())
    assert error(prepared, expected, 1) < 1e-4


def test_prepare_file_equals_prepare_to_the_step(tmp_path):
    path = tmp_path / "a.edf"
    path.write_bytes(electrode_file(n_records=30, rate=200).to_bytes())
    header, eeg = prepare(read_recording(path), Preparation())
    filed = prepare_file(path, Preparation(), tmp_path / "a.npy")
    steps = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert steps.dtype == np.int16
    np.testing.assert_array_equal(steps, quantize(eeg))
    for name in header.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(filed, name), getattr(header, name))


def test_a_refused_file_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.edf"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(GitLfsPointer, match="git lfs pull"):
        prepare_file(path, Preparation(), tmp_path / "a.npy")
    assert [file.name for file in tmp_path.iterdir()] == ["a.edf"]


@pytest.mark.parametrize("rate_hz", [256.0, 250.0])
def test_chunks_of_any_length_agree(monkeypatch, rate_hz):
    """To 1e-4 uV for a signal of 40 uV on an offset of 5 mV: far below the cache's 0.1-uV step."""
    eeg = scalp(100.0, rate_hz) + 5000
    whole = prepare(recording(eeg, rate_hz=rate_hz), Preparation())[1]
    original = conditioning.conditioned_chunks
    monkeypatch.setattr(
        "brainbrr.data.preparation.preparation.conditioned_chunks",
        lambda *args, **options: original(*args, **options, chunk_s=7.3),
    )
    pieces = prepare(recording(eeg, rate_hz=rate_hz), Preparation())[1]
    np.testing.assert_allclose(pieces, whole, atol=1e-4)


def test_the_mains_are_found_and_notched():
    hum = 30 * np.sin(2 * np.pi * 60 * np.arange(40 * 256) / 256)
    gains = np.linspace(0.5, 1.5, 19)[:, None]
    eeg = scalp()
    header, prepared = prepare(recording(eeg + gains * hum), Preparation())
    assert header.mains_hz == 60.0
    assert error(prepared, average(eeg)) < 0.03
    header, prepared = prepare(recording(eeg + gains * hum), Preparation(mains=None))
    assert header.mains_hz is None
    assert error(prepared, average(eeg)) > 0.1


def test_gaps_stay_empty_and_what_lies_around_them_is_filtered_apart():
    eeg = scalp(60.0)
    eeg[:, 20 * 256 : 30 * 256] = 0
    header, prepared = prepare(recording(eeg, gaps=[[20, 30]]), Preparation())
    assert header.gaps == [[20.0, 30.0]]
    assert not prepared[:, 20 * 256 : 30 * 256].any()
    first = prepare(recording(eeg[:, : 20 * 256]), Preparation())[1]
    second = prepare(recording(eeg[:, 30 * 256 :]), Preparation())[1]
    np.testing.assert_allclose(prepared[:, : 20 * 256], first, atol=1e-3)
    np.testing.assert_allclose(prepared[:, 30 * 256 :], second, atol=1e-3)


def test_an_electrode_bad_throughout_is_missing_and_interpolated():
    eeg = scalp()
    eeg[ELECTRODES.index("C4")] = 0.0
    header, prepared = prepare(recording(eeg), Preparation())
    assert header.interpolated == ["C4"]
    assert all(header.observed)
    assert prepared[ELECTRODES.index("C4")].std() > 1
    assert "EEG C4-REF" not in header.source_channels
    assert header.bad_spans == []


def test_an_electrode_bad_for_a_while_is_recorded_and_leaves_the_others_alone():
    """The others stay in the average of the good ones, as if the bad one were not there."""
    eeg = scalp()
    clean = prepare(recording(eeg), Preparation())[1]
    index, span = ELECTRODES.index("O1"), slice(12 * 256, 20 * 256)
    broken = eeg.copy()
    broken[index, span] += np.random.default_rng(1).standard_normal(8 * 256) * 3000
    header, prepared = prepare(recording(broken), Preparation())
    assert header.bad_spans == [["O1", 10.0, 22.0, "disconnected"]]
    others = np.arange(19) != index
    inside = slice(13 * 256, 19 * 256)
    expected = clean[others, inside] - clean[others, inside].mean(axis=0)
    found = prepared[others, inside]
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)
    assert prepared[index, inside].std() > 1000
    assert error(prepared[:, : 10 * 256], clean[:, : 10 * 256]) < 0.02


def test_a_bad_channel_in_a_loop_of_a_chain_costs_no_electrode():
    eeg = scalp()
    labels, signal = written_as(eeg, "bipolar")
    signal = signal.copy()
    signal[5, 10 * 256 : 20 * 256] = 0.0
    header, prepared = prepare(recording(signal, labels), Preparation())
    _, expected = prepare(recording(eeg), Preparation())
    assert header.bad_spans == []
    inside = slice(12 * 256, 18 * 256)
    assert np.linalg.norm((prepared - expected)[:, inside]) < 0.02 * np.linalg.norm(
        expected[:, inside]
    )


def test_many_missing_electrodes_are_masked_never_filled():
    header, prepared = prepare(
        recording(scalp()[:8], [f"{n}-REF" for n in ELECTRODES[:8]]), Preparation()
    )
    assert header.observed == [True] * 8 + [False] * 11
    assert not prepared[8:].any()
    assert header.center_uv[8:] == [0.0] * 11
    assert header.scale_uv[8:] == [1.0] * 11


def test_centre_and_spread_are_those_of_the_prepared_signal():
    header, prepared = prepare(recording(scalp()), Preparation())
    low, middle, high = np.quantile(prepared, [0.25, 0.5, 0.75], axis=1)
    np.testing.assert_allclose(header.center_uv, middle, atol=0.11)
    np.testing.assert_allclose(header.scale_uv, (high - low) / 1.349, atol=0.2)


def test_the_filter_is_that_of_the_signal_layer():
    eeg = scalp()
    sections = design_filter(256.0)
    _, prepared = prepare(recording(eeg), Preparation())
    assert error(prepared, filter_zero_phase(sections, average(eeg)), 5000) < 1e-4


@pytest.mark.parametrize(
    ("eeg", "refusal", "match"),
    [
        (np.zeros((19, 10_240)), AllFlat, "all flat"),
        (np.clip(scalp() * 1e4, -3000, 3000), AllSaturated, "all saturated"),
        (scalp() * 1000, AllBad, "all disconnected"),
        (scalp()[:, :300], TooShort, "2 s or more"),
        (scalp() * 0.01, (AllFlat, ImplausibleAmplitude), "EEG|spread"),
    ],
)
def test_refusals(eeg, refusal, match):
    with pytest.raises(refusal, match=match):
        prepare(recording(eeg), Preparation())


def test_a_wrong_unit_is_refused():
    with pytest.raises(ImplausibleAmplitude, match=r"spread of 0.5 to 200 uV; got [34]\d\d"):
        prepare(recording(scalp() * 10), Preparation(max_spread_uv=200))


def test_too_few_electrodes():
    with pytest.raises(MissingElectrodes, match=r"got 0 from 2 channels\. Name them"):
        prepare(recording(scalp()[:2], ["Temp", "EKG"]), Preparation())
    mostly_flat = scalp()
    mostly_flat[:, : int(0.9 * mostly_flat.shape[1])] = 0.0
    with pytest.raises(MissingElectrodes, match="19 of them bad most of the time. Check"):
        prepare(recording(mostly_flat), Preparation())
    with pytest.raises(MissingElectrodes, match="got 3"):
        prepare(recording(scalp()[:3], ["F3", "F4", "C3"]), Preparation())
    with pytest.raises(MissingElectrodes, match="Laplacians"):
        prepare(recording(scalp()[:3], ["F3-LAP", "F4-LAP", "C3-LAP"]), Preparation())


@pytest.mark.parametrize("numbers", [{"low_hz": 130.0}, {"high_hz": 200.0}, {"mains": "60 Hz"}])
def test_contradictory_numbers(numbers):
    with pytest.raises(InvalidOption, match="Hz|low_hz"):
        Preparation(**numbers)


def test_the_digest_stands_for_every_number():
    base = Preparation()
    numbers = {"low_hz": 0.3, "mains": 50.0, "max_interpolated": 3, "min_electrodes": 5}
    changed = [replace(base, **{name: value}) for name, value in numbers.items()]
    changed.append(replace(base, quality=replace(base.quality, flat_uv=0.5)))
    digests = {preparation.digest for preparation in [base, *changed]}
    assert len(digests) == len(changed) + 1
    assert base.digest == Preparation().digest
    assert len(base.digest) == 16


def test_blocks_of_a_recording_are_copies():
    source = recording(scalp(4.0))
    BlocksOfRecording(source).read(0, 10)[:] = 0
    assert source.eeg_uv[:, :10].any()


def test_an_edf_with_a_gap_keeps_its_clock_through_preparation(tmp_path):
    rate, stamps = 256, [*range(20), *range(45, 65)]
    pulse = np.zeros(len(stamps) * rate, dtype=np.int16)
    pulse[25 * rate] = 20_000
    noise = np.random.default_rng(0).integers(-300, 300, (19, len(pulse))).astype(np.int16)
    channels = [
        Channel(row + pulse * (index % 2), f"EEG {name}-REF", rate)
        for index, (name, row) in enumerate(zip(ELECTRODES, noise, strict=True))
    ]
    path = tmp_path / "gap.edf"
    path.write_bytes(EdfFile(channels, stamps=stamps, reserved="EDF+D").to_bytes())
    header = prepare_file(path, Preparation(mains=None), tmp_path / "gap.npy")
    steps = np.load(tmp_path / "gap.npy")
    assert header.gaps == [[20.0, 45.0]]
    assert steps.shape == (19, 65 * 256)
    assert np.argmax(np.abs(steps[1])) == 50 * 256
    assert not steps[:, 20 * 256 : 45 * 256].any()


@pytest.fixture(scope="module")
def prepared_from_every_montage(tmp_path_factory):
    """One head recorded in seven montages, each an EDF of 0.1-uV steps, prepared."""
    folder = tmp_path_factory.mktemp("montages")
    eeg = scalp()
    found = {}
    for montage, labels in MONTAGES.items():
        channels = [
            Channel(np.rint(row * 10).astype(np.int16), label)
            for label, row in zip(labels, derive(eeg, labels), strict=True)
        ]
        (folder / "a.edf").write_bytes(EdfFile(channels).to_bytes())
        header = prepare_file(folder / "a.edf", Preparation(), folder / "a.npy")
        planned = plan_recording(open_recording(folder / "a.edf"), Preparation())
        parts = planned.plan.solution.parts
        found[montage] = header, parts, np.load(folder / "a.npy") * 0.1
    return average(eeg), found


@pytest.mark.parametrize("montage", MONTAGES)
def test_what_a_montage_determines_is_recovered_to_its_rounding(
    prepared_from_every_montage, montage
):
    """Within each linked part: 3 % of the signal at the filter's edges, and against one another
    0.5 % from the rounding to 0.1 uV, which adds up along a chain."""
    truth, found = prepared_from_every_montage
    header, parts, eeg = found[montage]
    assert all(header.observed)
    assert len(parts) == {"double banana": 3, "CHB-MIT": 2}.get(montage, 1)
    for part in parts:
        rows = [ELECTRODES.index(name) for name in part]
        assert error(average(eeg[rows]), average(truth[rows])) < 0.03
        assert error(average(eeg[rows]), average(found["common"][2][rows])) < 0.005


def test_the_shipped_configuration_is_the_default():
    from omegaconf import OmegaConf

    from brainbrr.cli.build import build

    node = OmegaConf.load(Path(__file__).parents[3] / "conf/signal/default.yaml")
    signal = OmegaConf.create({"signal": node}).signal
    assert build(signal.preparation) == Preparation()
    assert signal.window_s == 60


def test_samples_that_are_no_numbers_are_refused():
    for value in (np.nan, np.inf):
        eeg = scalp(10.0)
        eeg[3, 700] = value
        with pytest.raises(NotFinite, match="between 0 and 10 s"):
            prepare(recording(eeg), Preparation(mains=None))


def test_crumbs_between_gaps_are_prepared_as_they_are():
    eeg = scalp(20.0)
    second = 1 / 256
    gaps = [[5, 8], [8 + second, 9], [9 + 3 * second, 12]]
    for first, last in gaps:
        eeg[:, round(first * 256) : round(last * 256)] = 0
    header, prepared = prepare(recording(eeg, gaps=gaps), Preparation(mains=50.0))
    assert np.isfinite(prepared).all()
    for first, last in header.gaps:
        assert not prepared[:, round(first * 256) : round(last * 256)].any()
    alone = prepare(recording(eeg[:, 12 * 256 :]), Preparation(mains=50.0))[1]
    np.testing.assert_allclose(prepared[:, 12 * 256 :], alone, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.01, 19.99), min_size=2, max_size=8, unique=True),
    st.sampled_from([256.0, 200.0, 512.0]),
)
def test_any_gaps_at_any_rate_stay_empty(edges, rate_hz):
    edges = np.rint(np.sort(edges) * rate_hz)[: len(edges) // 2 * 2].reshape(-1, 2) / rate_hz
    gaps = edges[edges[:, 1] > edges[:, 0]]
    eeg = np.random.default_rng(0).standard_normal((19, int(20 * rate_hz))) * 30
    for first, last in gaps:
        eeg[:, round(first * rate_hz) : round(last * rate_hz)] = 0
    try:
        header, prepared = prepare(
            recording(eeg, rate_hz=rate_hz, gaps=gaps), Preparation(mains=None)
        )
    except TooShort:
        return
    assert np.isfinite(prepared).all()
    recorded = np.zeros(prepared.shape[1], dtype=bool)
    for start, stop in recorded_spans(
        prepared.shape[1], 256.0, np.array(header.gaps).reshape(-1, 2)
    ):
        recorded[start:stop] = True
    assert not prepared[:, ~recorded].any()


def test_blocks_land_where_they_belong_and_the_rest_is_zero(tmp_path):
    block = np.arange(12, dtype=np.int16).reshape(3, 4)
    with open_npy(tmp_path / "a.npy", (3, 20), np.dtype(np.int16)) as write:
        write(15, block)
        write(2, block + 1)
    expected = np.zeros((3, 20), dtype=np.int16)
    expected[:, 15:19] = block
    expected[:, 2:6] = block + 1
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), expected)


def test_a_failure_leaves_the_former_file(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    with pytest.raises(KeyError), open_npy(tmp_path / "a.npy", (1, 4), np.dtype(np.int16)) as write:
        write(0, np.ones((1, 4), dtype=np.int16))
        raise KeyError
    assert np.load(tmp_path / "a.npy").tolist() == [1, 1, 1]
    assert len(list(tmp_path.iterdir())) == 1
