from brainbrr.reporting.score_tables import further_tables

SCORES = {
    "latency_s": {"median": 4.156, "p90": None, "n": 8},
    "boundary_error_s": {"offset": {"median": -1.5, "median_absolute": 1.5}},
    "by_duration": {"30-90": {"n": 6, "detected": 3, "sensitivity": 0.5}},
    "by_type": {},
}


def test_values_have_names_and_units_and_groups_have_columns():
    html = further_tables(SCORES)
    assert "<td>4.2\u00a0s</td>" in html
    assert "<td>\u22121.5\u00a0s</td>" in html
    assert "90th percentile</th><td>\u2013</td>" in html
    assert "30\u201390 s</th><td>6</td><td>3</td><td>0.500</td>" in html
    assert "_" not in html.replace("_s.", "")
    assert "by type" not in html


def test_what_was_not_scored_has_no_table():
    assert "<table" not in further_tables({})
