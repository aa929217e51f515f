"""The report as a reader meets it: opened from disk in a browser, reviewed by keyboard."""

import shutil
import time

import pytest

from brainbrr.data.corpora.corrections import read_corrections
from brainbrr.reporting.report import write_report
from tests.reporting.chromium import chromium
from tests.reporting.report_examples import PLANTED

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("no chromium on the path")
    profile = tmp_path_factory.mktemp("profile")
    with chromium(binary, profile) as page:
        yield page


@pytest.fixture
def page(browser, tmp_path, scores, cases):
    """The report, freshly opened, without notes of former reviews; focus on its first event."""
    path = tmp_path / "report.html"
    write_report(path, title="A run", scores=scores, cases=cases, provenance={"command": "x"})
    browser.events.clear()
    browser.open(path)
    browser.evaluate("localStorage.clear()")
    browser.open(path)
    browser.evaluate("document.querySelector('.case.current').focus()")
    browser.path = path
    browser.call(
        "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "downloads")
    )
    yield browser
    assert browser.complaints() == []


def downloaded(page):
    page.evaluate("document.querySelector('[data-act=download]').click()")
    path = page.path.parent / "downloads" / "corrections.tsv"
    deadline = time.monotonic() + 10
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return read_corrections(path)


def text_of(page, selector):
    return page.evaluate(f"document.querySelector({selector!r}).textContent")


def current(page):
    shown = "document.querySelector('.case.current').dataset"
    return page.evaluate(f"[{shown}.recording, {shown}.kind, Number({shown}.onset)]")


def test_nothing_is_complained_of_and_nothing_leaves_the_machine(page):
    page.press("k")
    assert page.complaints() == []
    assert {url.split(":")[0] for url in page.requests()} <= {"file", "data"}


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_never_wider_than_the_screen(page, width):
    page.open(page.path, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keep_drop_and_move_become_corrections_that_training_reads(page):
    assert current(page) == [PLANTED, "missed seizure", 500.0]
    page.press("k")
    assert current(page) == [PLANTED, "missed seizure", 300.0]
    page.press("d")
    assert current(page) == ["sub-02", "false alarm", 50.0]
    page.press("e")
    page.press("z")
    page.press("ArrowLeft")
    assert "3 of 7 reviewed" in text_of(page, ".done")
    assert page.evaluate(
        "document.querySelector('.case.current .event').classList.contains('moved')"
    )
    kept, dropped, moved = downloaded(page)
    assert (kept.recording_id, kept.action, kept.event.onset_s) == (PLANTED, "keep", 500.0)
    assert (dropped.recording_id, dropped.action, dropped.kind) == (
        PLANTED,
        "drop",
        "missed seizure",
    )
    assert (moved.recording_id, moved.action) == ("sub-02", "move")
    assert moved.event.onset_s == moved.original.onset_s == 50.0
    # The excerpt runs from 40 to 70 s; z is the middle of its last 26th, less half a second.
    assert moved.event.offset_s == pytest.approx(40 + 30 * 25.5 / 26 - 0.5, abs=1e-3)


def test_undo_takes_back_one_step_after_the_other(page):
    page.press("k")
    page.press("k")
    page.press("u")
    assert current(page) == [PLANTED, "missed seizure", 300.0]
    assert "1 of 7 reviewed" in text_of(page, ".done")
    page.press("u")
    page.press("u")
    assert "0 of 7 reviewed" in text_of(page, ".done")
    assert text_of(page, ".status") == "Nothing to undo."


def test_a_moved_event_stays_moved_when_kept_and_returns_when_undone(page):
    page.press("o")
    page.press("a")
    page.press("k")
    (moved,) = downloaded(page)
    assert moved.action == "move"
    page.press("p")
    page.press("u")
    assert "0 of 7 reviewed" in text_of(page, ".done")
    assert not page.evaluate("document.querySelector('.event.moved')")


def test_an_end_before_its_onset_is_not_taken(page):
    page.press("e")
    page.press("a")
    assert text_of(page, ".status") == "The end must come after the onset."
    assert "0 of 7 reviewed" in text_of(page, ".done")


def test_an_edge_beyond_the_picture_does_not_jump_into_it(page):
    page.press("ArrowLeft")
    assert text_of(page, ".status").startswith("The end lies outside the picture")
    assert "0 of 7 reviewed" in text_of(page, ".done")


def test_verdicts_outlive_the_page(page):
    page.press("k")
    page.open(page.path)
    assert "1 of 7 reviewed" in text_of(page, ".done")
    assert current(page) == [PLANTED, "missed seizure", 300.0]


def test_a_click_on_the_picture_sets_an_edge(page):
    page.press("o")
    page.evaluate(
        "(() => { const svg = document.querySelector('.case.current svg.eeg');"
        "const box = svg.getBoundingClientRect();"
        "svg.dispatchEvent(new MouseEvent('click', {bubbles: true,"
        "clientX: box.left + box.width * 0.2, clientY: box.top + 50})); })()"
    )
    (moved,) = downloaded(page)
    # 490 to 550 s between 76 and 974 of 1000 units.
    assert moved.event.onset_s == pytest.approx(490 + 60 * (200 - 76) / (974 - 76), abs=0.2)
    assert moved.event.offset_s == pytest.approx(560.0)


def test_grouping_by_recording_keeps_all_events(page):
    select = "document.querySelector('#review select')"
    page.evaluate(f"{select}.value = 'recording'")
    page.evaluate(f"{select}.dispatchEvent(new Event('change', {{bubbles: true}}))")
    groups = page.evaluate(
        "[...document.querySelectorAll('.queue tbody th')].map(x => x.textContent)"
    )
    assert sorted(groups) == sorted([f"{PLANTED} (3)", "sub-02 (3)", "sub-03 (1)"])


def test_columns_sort_both_ways_with_undefined_last(page):
    buttons = "[...document.querySelectorAll('.sortable th button')]"
    button = buttons + ".find(b => b.textContent === {})"
    names = "[...document.querySelectorAll('.sortable tbody th')].map(x => x.textContent)"
    by_name, by_sensitivity = button.format("'subject'"), button.format("'sensitivity'")
    page.evaluate(f"{by_name}.click()")
    assert page.evaluate(names) == ["sub-02", "sub-01", PLANTED]
    page.evaluate(f"{by_sensitivity}.click()")
    assert page.evaluate(names) == ["sub-02", "sub-01", PLANTED]
    page.evaluate(f"{by_sensitivity}.click()")
    assert page.evaluate(names) == ["sub-01", "sub-02", PLANTED]
    assert page.evaluate(f"{by_sensitivity}.parentElement.ariaSort") == "ascending"


def test_paper_shows_every_event(page):
    visible = "[...document.querySelectorAll('.case')].filter(x => x.offsetParent !== null).length"
    assert page.evaluate(visible) == 1
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.evaluate(visible) == 7
    page.call("Emulation.setEmulatedMedia", media="")
