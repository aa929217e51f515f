"""The page: complete, self-contained, safe against names, and honest about what is missing."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from brainbrr.reporting.cases import Case
from brainbrr.reporting.report import curve_section, reliability_sets, write_report
from brainbrr.reporting.scoreboard import PublishedScore
from tests.reporting.report_examples import PLANTED

VOID = {"meta", "link", "br", "rect", "input"}
PROVENANCE = {"command": "brainbrr train seed=1 <x>", "config_digest": "a3f9", "version": "1.2.3"}


class Page(HTMLParser):
    """Elements with attributes and text, and whether tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.unbalanced = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", "path": tuple(self.open), **dict(attributes)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append({"tag": tag, "text": "", **dict(attributes)})

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag not in VOID:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if self.elements:
            self.elements[-1]["text"] += data

    def find(self, tag, **wanted):
        return [
            one
            for one in self.elements
            if one["tag"] == tag and all(one.get(key) == value for key, value in wanted.items())
        ]


def written(tmp_path, scores, **more):
    path = tmp_path / "report.html"
    write_report(path, **{"title": "A run", "scores": scores, "provenance": PROVENANCE} | more)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory, scores, cases):
    return written(
        tmp_path_factory.mktemp("report"),
        scores,
        cases=cases,
        notes=["sub-02: O2 absent & masked"],
        baselines={"line length": {"nedc": {"ovlp": {"sensitivity": 0.123}}}},
        published=[
            PublishedScore("Rival", "c", "all", "nedc.ovlp", {"sensitivity": 0.987}, True, "Paper")
        ],
    )


def test_the_page_is_whole_and_balanced(page):
    parsed = Page(page)
    assert parsed.unbalanced == []
    assert parsed.open == []
    assert [one["id"] for one in parsed.find("section")] == [
        "scores",
        "curves",
        "subjects",
        "review",
        "skipped",
        "reproduce",
    ]
    ids = [one["id"] for one in parsed.elements if "id" in one]
    assert len(ids) == len(set(ids))


def test_it_opens_with_the_answer_and_says_what_it_is_not(page):
    answer = page.index("3 of 5 seizures found at 11.3 false alarms per 24 h")
    assert answer < page.index("<table")
    assert "0.417 (95 % interval 0.31\u20130.52)" in page
    assert "For research use; not a medical device." in page


def test_nothing_is_asked_of_the_network(page):
    parsed = Page(page)
    for element in parsed.elements:
        for attribute in ("src", "href", "action", "data", "poster", "srcset"):
            assert re.match(r"#|data:", element.get(attribute) or "#"), element
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|sendBeacon", page)
    assert "default-src 'none'" in page
    without_namespace = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://", without_namespace)


def test_names_cannot_become_markup(page):
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "sub-03_&lt;run&gt;" in page
    assert "O2 absent &amp; masked" in page
    assert "seed=1 &lt;x&gt;" in page
    assert len(Page(page).find("script")) == 1
    articles = Page(page).find("article")
    assert {one["data-recording"] for one in articles} == {PLANTED, "sub-02", "sub-03"}


def test_undefined_is_a_dash_and_never_zero(page):
    row = re.search(r'<tr class="own"><th scope="row">this detector</th>(.*?)</tr>', page)[1]
    assert [cell.strip() for cell in re.findall(r"<td>([^<]*)", row)] == [
        "0.417",
        "0.600",
        "\u2013",
        "8.2",
    ]
    target = page.split("Sensitivity at a given number")[1]
    assert re.findall(r"<td>([^<]*)", target)[:4] == ["0.540", "0.400", "0.290", "\u2013"]
    assert "None" not in re.sub(r"<script>.*</script>", "", page, flags=re.S)
    assert "nan" not in re.findall(r"[a-z]+", page.split("<main>")[1].split("<script>")[0])


def test_subjects_can_be_sorted_by_every_column_with_undefined_ones_unvalued(page):
    table = re.search(r'<table class="sortable">.*?</table>', page, re.S)[0]
    assert table.count('<th scope="col"><button type="button">') == 12
    cells = re.findall(r"<td([^>]*)>([^<]*)</td>", table)
    assert len(cells) == 33
    assert all(("data-value" in attributes) == (text != "\u2013") for attributes, text in cells)
    assert ' data-value="7200.0"' in table
    assert ">2.0<" in table


def test_rivals_and_baselines_stand_under_the_definition_they_share(page):
    overlap = page.split("NEDC any overlap (OVLP)</th>")[1].split("</tbody>")[0]
    assert "Rival" in overlap
    assert "0.987" in overlap
    assert "trained on this corpus; Paper" in overlap
    assert "0.123" in overlap
    assert page.count(">Rival</th>") == 1


def test_what_was_skipped_and_how_to_reproduce_are_told(page):
    skipped = page.split('id="skipped"')[1].split("</section>")[0]
    assert "2 of 3 recordings have a prediction." in skipped
    assert "No prediction, scored as no seizure: sub-03_" in skipped
    reproduce = page.split('id="reproduce"')[1]
    assert "a3f9" in reproduce
    assert "1.2.3" in reproduce
    assert "timescoring" in reproduce


def test_nothing_skipped_is_said_too(tmp_path, scores):
    whole = scores | {"files": {"expected": 2, "scored": 2, "missing": []}}
    assert "Nothing was skipped or substituted." in written(tmp_path, whole)


@pytest.mark.parametrize(
    ("promised", "reason", "said"),
    [
        (0.9, None, "promised to hold for a new patient with probability 0.90"),
        (None, "too few patients", "nothing could be promised (too few patients)"),
    ],
)
def test_the_alarm_budget_stands_promised_beside_achieved(tmp_path, scores, promised, reason, said):
    budget = {"budget_per_24h": 5, "promised": promised, "reason": reason}
    page = written(tmp_path, scores, alarm_budget=budget)
    assert f"Alarm budget of 5 per 24 h (NEDC any overlap): {said}" in page
    assert "kept in 3 of 3 subjects here." in page
    none_kept = written(tmp_path, scores, alarm_budget=budget | {"budget_per_24h": 3.5})
    assert "kept in 0 of 3 subjects here." in none_kept


def test_each_case_has_its_picture_facts_and_place_in_the_list(page, cases):
    parsed = Page(page)
    assert len(parsed.find("article")) == len(cases) == 7
    assert page.count('class="figure eeg"') == len(cases)
    assert page.count('class="figure headplot"') == len(cases)
    queue = re.search(r'<div class="queue.*?</div>', page, re.S)[0]
    assert re.findall(r'scope="rowgroup" colspan="6">([^<]*)<', queue) == [
        "missed seizure (2)",
        "false alarm (3)",
        "hit (1)",
        "unjudged event (1)",
    ]
    for body in queue.split("<tbody>")[1:]:
        uncertainty = [float(x) for x in re.findall(r'data-uncertainty="([^"]*)"', body)]
        assert uncertainty == sorted(uncertainty, reverse=True)
    assert "contributing electrodes: F7" in page
    assert "continues 50 s beyond the excerpt" in page


def test_the_review_holds_on_to_its_own_events_only(tmp_path, scores, cases):
    first = re.search(r'data-digest="(\w+)"', written(tmp_path, scores, cases=cases))[1]
    second = re.search(r'data-digest="(\w+)"', written(tmp_path, scores, cases=cases[1:]))[1]
    assert first != second


def test_a_report_without_traces_cases_or_subjects_is_a_report(tmp_path, scores):
    bare = {"szcore": scores["szcore"], "nedc": scores["nedc"]}
    page = written(tmp_path, bare)
    assert "No probability traces were scored" in page
    assert "No events to show." in page
    assert "No scores by subject." in page
    assert Page(page).unbalanced == []


def test_the_size_limit_leaves_out_the_last_pictures_and_says_so(tmp_path, scores):
    rng = np.random.default_rng(0)
    eeg_uv = (50 * rng.standard_normal((19, 60 * 256))).astype(np.float32)
    case = Case("r", "false alarm", 10.0, 40.0, confidence=0.9, eeg_uv=eeg_uv)
    cases = [replace(case, onset_s=float(i)) for i in range(8)]
    page = written(tmp_path, scores, cases=cases, max_bytes=500_000)
    shown = page.count('class="figure eeg"')
    assert len(page.encode()) <= 500_000
    assert 2 <= shown < 8
    assert f"The EEG of {8 - shown} events was left out" in page
    assert page.count("No EEG in this file for this event.") == 8 - shown
    assert (tmp_path / "report.html").stat().st_size == len(page.encode())


def test_reliability_before_and_after_the_temperature_is_told_with_both_errors(scores):
    assert list(reliability_sets(scores)) == ["as computed: ECE 0.031"]
    bins = scores["sample_level"]["reliability"]
    later = {"ece_calibrated": 0.012, "reliability_calibrated": bins[:1]}
    level = {**scores["sample_level"], "calibration": {"temperature": 1.5, "bias": 0.0}, **later}
    sets = reliability_sets({"sample_level": level})
    assert sets == {
        "as computed: ECE 0.031": bins,
        "after temperature 1.50: ECE 0.012": bins[:1],
    }
    page = curve_section({**scores, "sample_level": level}, ())
    assert "after temperature 1.50: ECE 0.012" in page
    assert reliability_sets({}) == {}
