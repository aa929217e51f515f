"""The events of the report: a list by uncertainty, the EEG of each, and buttons for verdicts."""

from collections.abc import Sequence
from hashlib import sha256

from brainbrr.data.corpora.corrections import COLUMNS
from brainbrr.reporting.cases import KINDS, Case
from brainbrr.reporting.eeg_figure import clock, eeg_figure
from brainbrr.reporting.figures import head_figure
from brainbrr.reporting.markup import Html, embedded_json, fill, join, quoted, template
from brainbrr.reporting.scoreboard import rounded

BUTTONS = (
    ("keep", "K", "Keep"),
    ("drop", "D", "Drop"),
    ("onset", "O", "Move onset"),
    ("end", "E", "Move end"),
    ("undo", "U", "Undo"),
    ("previous", "P", "Previous"),
    ("next", "N", "Next"),
)


def review_section(cases: Sequence[Case], max_bytes: int) -> tuple[Html, int]:
    """Build the list of events for review; return it and the number of events left without EEG.

    Args:
        cases: most important first: EEG is left out from the end.
        max_bytes: limit of all EEG figures together.
    """
    if not cases:
        return fill('<p class="quiet">No events to show.</p>'), 0
    pictures, n_left_out = _pictures(cases, max_bytes)
    articles = join(
        _article(index, case, picture)
        for index, (case, picture) in enumerate(zip(cases, pictures, strict=True))
    )
    body = fill(
        template("review.html"),
        digest=_digest(cases),
        columns=quoted(str(embedded_json(list(COLUMNS)))),
        n=len(cases),
        queue=_queue(cases),
        articles=articles,
    )
    return body, n_left_out


def _pictures(cases: Sequence[Case], max_bytes: int) -> tuple[list[Html], int]:
    pictures, used, n_left_out = [], 0, 0
    for case in cases:
        drawing = _picture(case) if case.eeg_uv is not None or case.probability.size else Html("")
        size = len(drawing.encode())
        if used + size > max_bytes:
            drawing, size, n_left_out = Html(""), 0, n_left_out + 1
        pictures.append(drawing)
        used += size
    return pictures, n_left_out


def _picture(case: Case) -> Html:
    drawing = fill(
        '<div class="scroll" tabindex="0" role="group" aria-label="EEG excerpt">$eeg</div>',
        eeg=eeg_figure(case),
    )
    if case.adjacency is None:
        return drawing
    head = fill(
        "<figure>$head<figcaption>Strongest connections of the learned graph during the event"
        "</figcaption></figure>",
        head=head_figure(case.adjacency, case.channels),
    )
    return join([drawing, head])


def _queue(cases: Sequence[Case]) -> Html:
    ordered = sorted(enumerate(cases), key=lambda pair: -pair[1].uncertainty)
    bodies = []
    for kind in KINDS:
        members = [(index, case) for index, case in ordered if case.kind == kind]
        if members:
            bodies.append(
                fill(
                    '<tbody><tr><th scope="rowgroup" colspan="6">$kind ($n)</th></tr>$rows</tbody>',
                    kind=kind,
                    n=len(members),
                    rows=join(_queue_row(index, case) for index, case in members),
                )
            )
    return join(bodies)


def _queue_row(index: int, case: Case) -> Html:
    return fill(
        '<tr data-case="case-$index" data-kind="$kind" data-recording="$recording" '
        'data-uncertainty="$uncertainty"><td class="name"><button type="button" class="open">'
        '$recording</button></td><td>$at</td><td class="less">$long s</td>'
        '<td class="less">$confidence</td><td>$unsure</td>'
        '<td class="name"><span class="verdict"></span></td></tr>',
        index=index,
        kind=case.kind,
        recording=case.recording_id,
        uncertainty=f"{case.uncertainty:.4f}",
        at=clock(case.onset_s),
        long=f"{case.duration_s:.1f}",
        confidence=rounded(case.confidence, 2),
        unsure=f"{case.uncertainty:.2f}",
    )


def _article(index: int, case: Case, picture: Html) -> Html:
    buttons = join(
        fill(
            '<button type="button" data-act="$act">$label <kbd>$key</kbd></button>',
            act=act,
            key=key,
            label=label,
        )
        for act, key, label in BUTTONS
    )
    return fill(
        template("case.html"),
        index=index,
        recording=case.recording_id,
        onset=f"{case.onset_s:.4f}",
        duration=f"{case.duration_s:.4f}",
        type=case.event_type,
        kind=case.kind,
        heading=case.kind.capitalize(),
        at=clock(case.onset_s),
        facts=_facts(case),
        picture=picture or fill('<p class="quiet">No EEG in this file for this event.</p>'),
        buttons=buttons,
    )


def _facts(case: Case) -> str:
    measure = "highest probability" if case.kind == "missed seizure" else "confidence"
    facts = [
        f"{case.duration_s:.1f} s long",
        f"{measure} {rounded(case.confidence, 2)}",
    ]
    if case.kind != "missed seizure":
        facts.append(f"contributing electrodes: {', '.join(case.channels) or 'not known'}")
    if case.eeg_uv is not None and case.offset_s > case.stop_s + 0.05:
        facts.append(f"continues {case.offset_s - case.stop_s:.0f} s beyond the excerpt")
    return "; ".join(facts) + "."


def _digest(cases: Sequence[Case]) -> str:
    events = [f"{case.recording_id}|{case.onset_s:.4f}|{case.duration_s:.4f}" for case in cases]
    return sha256("\n".join(events).encode()).hexdigest()[:16]
