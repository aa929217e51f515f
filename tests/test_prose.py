"""The house's words: phrases that CONTRIBUTING's glossary replaces stay out of what people read."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSTEAD = {
    r"\b(?:samples|steps|windows|labels|tokens|batches|hours|dollars|uV|windows/s) an? "
    r"(?:second|minute|hour|day|step|channel|window|epoch|process|core|batch)\b": "per second, ...",
    r"\bonce a (?:process|run|batch|window|file)\b": "once per ...",
    r"\b(?:the|a|one) processor(?:'s)?\b|\bby the clock\b": "the CPU, wall-clock time, CPU time",
    r"\bthe way (?:there|back)\b|\bway back\b": "forward pass, backward pass",
    r"\b(?:is|are|was|were|be|being) told\b|\btells? (?:on|of|how|what|which|whether|by)\b":
        "reported, stated; reports, states, gives",
    r"\bgo(?:es)? on (?:with|where|from|when|in)\b|\btaken up again\b|\btakes? up again\b":
        "resume, continue",
    r"\bunder way\b": "in progress",
    r"\bfor want of\b|\bfor ever\b|\bat the latest\b|\banew\b":
        "for lack of, indefinitely, at most, again",
    r"\bwhole or (?:absent|not at all)\b": "atomically",
    r"\bstretch(?:es)?\b": "segment, span, interval",
    r"\bcan be believed\b|\bthat mattered\b": "usable, reliable; contributing",
    r"\blearnt\b|\bwho(?:ever)? learns\b|\bwhat learns\b|\bthat learns\b":
        "trained on; trainable, requires grad",
    r"\b(?:gathered|gathers) (?:gradients|\d|%d|N|over)\b|\bgradients (?:are )?gathered\b":
        "accumulated",
    r"\bmended\b|\brepairs of\b": "repaired",
    r"\bare nought\b|\bis nought\b": "zero",
    r"(?<!there )\b(?:is|are|be) (?-i:none)\b": "is not one, does not exist, invalid",
    r"\bshares? of (?:the |a |an |its |all |their )?"
    r"(?:time|samples|steps|subjects|windows|epoch|loss|power|memory|recordings)\b": "fraction of",
    r"\boptimis(?:e|er|ers|ed|ation)\b|\bcolours?\b|\bcentred?\b|\bneighbours?\b|"
    r"\bsummaris\w+|\b(?:normal|standard|quant|synthes|recogn|initial)is(?:e|es|ed|ers?|ing|ation)\b":
        "the American spelling",
}  # fmt: skip
"""Phrase, and what to write instead."""
IN_CODE = re.compile(r"`[^`]*`|\b\w+[._(]\w*|\w+_\w+")
"""Names are not prose."""
FILES = sorted(
    file
    for pattern in (
        "brainbrr/**/*.py",
        "hydra_plugins/**/*.py",
        "conf/**/*.yaml",
        "*.md",
        "examples/*.md",
    )
    for file in ROOT.glob(pattern)
    if file.name not in {"CHANGELOG.md", "CONTRIBUTING.md"}
)


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers: strings and comments of Python, comments of YAML, all of Markdown;
    wrapped sentences in one piece."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        yield from enumerate(text.split("\n\n"), 1)
    elif file.suffix == ".yaml":
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line.partition("#")[2]
    else:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and " " in str(node.value):
                yield node.lineno, str(node.value)
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def faults(number: int, text: str) -> Iterator[str]:
    """What to change in a piece of prose."""
    plain = re.sub(r"\s+", " ", IN_CODE.sub("_", text))
    for phrase, instead in INSTEAD.items():
        for match in re.finditer(phrase, plain, flags=re.IGNORECASE):
            yield f"{number}: {match[0]!r}: write {instead}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_prose_uses_the_glossary(file: Path) -> None:
    assert [fault for piece in prose(file) for fault in faults(*piece)] == []


@pytest.mark.parametrize(
    "text",
    ["256 samples a second", "ms of the processor", "it is told where", "five stretches of EEG",
     "killed for want of memory", "goes on where it was", "a step of the optimiser"],
)  # fmt: skip
def test_the_table_finds_what_it_names(text: str) -> None:
    assert list(faults(1, text))
    assert not list(faults(1, f"`{text}`"))
