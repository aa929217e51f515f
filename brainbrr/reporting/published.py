"""Published scores of other systems, each with its corpus, its definition and where it was read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class PublishedScore:
    """What one system is reported to reach.

    Attributes:
        system: its name.
        corpus, split: what it was scored on; the split is `all` for a whole corpus.
        definition: where the same number stands in scores.json, e.g. `nedc.ovlp`.
        values: by name, e.g. `sensitivity`, `fa_per_24h`; what was not reported is not there.
        trained_on_corpus: whether recordings of this corpus served its training.
        source: publication or repository.
        note: what else a careful reader must know.
    """

    system: str
    corpus: str
    split: str
    definition: str
    values: Mapping[str, float]
    trained_on_corpus: bool
    source: str
    note: str = ""

    @property
    def remark(self) -> str:
        """Note and source in one line."""
        trained = "trained on this corpus" if self.trained_on_corpus else "never trained on it"
        return "; ".join(part for part in (self.note, trained, self.source) if part)


def published_scores(corpus: str, split: str) -> tuple[PublishedScore, ...]:
    """Published scores of the same corpus: those of the same split and those of the whole of it;
    none where the corpus has none."""
    text = (files("brainbrr.reporting") / "published.json").read_text(encoding="utf-8")
    scores = (PublishedScore(**entry) for entry in json.loads(text))
    return tuple(
        score for score in scores if score.corpus == corpus and score.split in {split, "all"}
    )
