from brainbrr.data.corpora.layouts import detect_layout as recognised


def test_layouts_are_told_by_their_files(bids_root, tmp_path, write_edf):
    assert {s.subject for s in recognised.find_recordings(bids_root)} == {
        f"sub-{n:02d}" for n in range(1, 7)
    }
    tusz = tmp_path / "tusz"
    write_edf(tusz / "edf" / "dev" / "aaaaaaac" / "s001" / "01_tcp_ar" / "aaaaaaac_s001_t000.edf")
    assert [s.split for s in recognised.find_recordings(tusz)] == ["dev"]
    write_edf(tmp_path / "chb" / "chb05" / "chb05_06.edf")
    assert [s.subject for s in recognised.find_recordings(tmp_path / "chb")] == ["chb05"]
    write_edf(tmp_path / "siena" / "PN05" / "PN05-2.edf")
    assert [s.subject for s in recognised.find_recordings(tmp_path / "siena")] == ["PN05"]
    write_edf(tmp_path / "ward" / "anna_1.edf")
    assert [s.subject for s in recognised.find_recordings(tmp_path / "ward")] == ["anna"]


def test_nothing_is_recognised_in_an_empty_folder(tmp_path):
    assert list(recognised.find_recordings(tmp_path)) == []
