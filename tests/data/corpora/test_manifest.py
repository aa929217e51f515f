import json

import pytest

from brainbrr.data.corpora.manifest import KEYS, ManifestRow, read_manifest, write_manifest
from brainbrr.errors import InvalidFile

# One line as every version wrote it: the keys' order is part of the format.
LINE = (
    '{"recording_id": "a", "corpus": "made", "subject": "s", "session": "", "split": "train", '
    '"source": "a.edf", "source_sha256": "0", "duration_s": 8.0, "source_rate_hz": 256.0, '
    '"source_channels": ["Fp1-REF"], "observed": [true, false], "interpolated": ["C4"], '
    '"reference": "common", "mains_hz": 50.0, "gaps": [[1.0, 2.0]], "bad_spans": [["C3", 0.0, '
    '1.0, "flat"]], "center_uv": [0.1], "scale_uv": [1.5], "events": [[2.0, 3.0, "sz"]], '
    '"cache_file": "a.npy", "cache_sha256": "1", "preparation_digest": "2"}\n'
)


def test_a_manifest_keeps_its_bytes(tmp_path):
    path = tmp_path / "manifest.jsonl"
    path.write_text(LINE)
    (row,) = read_manifest(path)
    assert row.annotation.seizure_intervals.tolist() == [[2.0, 5.0]]
    assert row.gap_intervals.tolist() == [[1.0, 2.0]]
    assert row.observed_mask.tolist() == [True, False]
    write_manifest([row], path)
    assert path.read_text() == LINE


def test_the_keys_are_the_fields_of_a_row():
    assert set(KEYS) == set(ManifestRow.__dataclass_fields__)


def test_rows_are_sorted_by_recording(tmp_path):
    rows = [ManifestRow(**{**json.loads(LINE), "recording_id": name}) for name in "cab"]
    write_manifest(rows, tmp_path / "m")
    assert [row.recording_id for row in read_manifest(tmp_path / "m")] == ["a", "b", "c"]


@pytest.mark.parametrize("line", ["{", "{}", LINE.replace("corpus", "corps")])
def test_a_line_that_is_no_row_is_refused(tmp_path, line):
    (tmp_path / "m").write_text(LINE + line)
    with pytest.raises(InvalidFile, match="m, line 2: .*prepare.rebuild=true"):
        read_manifest(tmp_path / "m")
