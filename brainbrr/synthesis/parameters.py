"""The parameters of a synthetic corpus: every number that shapes its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from brainbrr.errors import InvalidOption

SPLITS = ("train", "val", "test")
MONTAGES = ("common", "linked_ears", "cz", "bipolar")
POPULATIONS = ("adult", "child", "elderly", "critical", "status")
SEIZURE_TYPES = (
    "focal", "migrating", "absence", "tonic_clonic", "electrodecrement", "nonconvulsive_status",
    "subtle",
)  # fmt: skip
MAX_DURATION_S = 4 * 3600


@dataclass(frozen=True)
class SynthesisParameters:
    """The recipe of a synthetic corpus; the same recipe gives the same bytes.

    Attributes:
        n_subjects: subjects in each of `train`, `val` and `test`; no subject is in two.
        n_recordings: recordings of each subject, for each split or one number for all.
        duration_s: length of each recording in whole seconds, for each split or one for all.
        seizures_per_hour: for each split. Dense training data teach quickly; a sparse test set
            keeps the event score honest: a detector that alarms all the time finds each seizure of
            a dense one.
        populations: relative frequency of each kind of subject: adult, child, elderly, critical
            (intensive care: slow, periodic or suppressed EEG), status (one seizure fills most of
            the recording).
        seizure_types: relative frequency of each type of seizure; see
            `brainbrr.synthesis.seizure_types`.
        artefacts_per_hour: artifacts and patterns that resemble seizures (chewing, rhythmic delta,
            periodic discharges); eye blinks and the like come on top.
        min_seizure_s, max_seizure_s: shortest and longest seizure in seconds; within these, each
            type has its own range.
        rates_hz: sampling rates; subject `i` has entry `i` modulo their number.
        montages: `common`, `linked_ears`, `cz` or `bipolar`; subject `i` has entry `i` modulo their
            number.
        mains_hz: mains frequencies, assigned in the same way.
        difficulty: 0 for seizures that stand out, 1 for seizures no larger than the artefacts
            around them; a number, or several that are assigned in the same way.
        plantings: recordings with planted seizures that each real background gives, besides itself.
        seed: of everything.
    """

    n_subjects: Mapping[str, int] = field(
        default_factory=lambda: {"train": 24, "val": 6, "test": 8}
    )
    n_recordings: Mapping[str, int] | int = field(
        default_factory=lambda: {"train": 1, "val": 1, "test": 1}
    )
    duration_s: Mapping[str, int] | int = field(
        default_factory=lambda: {"train": 600, "val": 1800, "test": 1800}
    )
    seizures_per_hour: Mapping[str, float] = field(
        default_factory=lambda: {"train": 9.0, "val": 3.0, "test": 2.0}
    )
    populations: Mapping[str, float] = field(
        default_factory=lambda: {
            "adult": 4.0,
            "child": 2.0,
            "elderly": 2.0,
            "critical": 2.0,
            "status": 0.0,
        }
    )
    seizure_types: Mapping[str, float] = field(
        default_factory=lambda: {
            "focal": 6.0,
            "migrating": 1.0,
            "absence": 1.5,
            "tonic_clonic": 1.5,
            "electrodecrement": 1.0,
            "nonconvulsive_status": 1.0,
            "subtle": 1.0,
        }
    )
    artefacts_per_hour: float = 30.0
    min_seizure_s: float = 10.0
    max_seizure_s: float = 600.0
    rates_hz: tuple[int, ...] = (256, 256, 256, 512, 256, 256, 200, 256, 256, 500)
    montages: tuple[str, ...] = ("common", "linked_ears", "common", "cz")
    mains_hz: tuple[float, ...] = (50.0, 60.0)
    difficulty: float | tuple[float, ...] = 0.5
    plantings: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.difficulty, int | float):
            object.__setattr__(self, "difficulty", (float(self.difficulty),))
        for name in ("rates_hz", "montages", "mains_hz", "difficulty"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("n_recordings", "duration_s"):
            if not isinstance(getattr(self, name), Mapping):
                object.__setattr__(self, name, dict.fromkeys(SPLITS, getattr(self, name)))
        for name in ("n_subjects", "n_recordings", "duration_s", "seizures_per_hour"):
            object.__setattr__(self, name, dict(getattr(self, name)))
            self._require(
                set(getattr(self, name)) == set(SPLITS) and min(getattr(self, name).values()) >= 0,
                f"{name} of 0 or more for each of {', '.join(SPLITS)}",
                f"{dict(getattr(self, name))}",
            )
        self._require(
            all(s == int(s) and 1 <= s <= MAX_DURATION_S for s in map(self.seconds_of, SPLITS)),
            f"duration_s as whole seconds from 1 to {MAX_DURATION_S}",
            f"{self.duration_s}",
        )
        self._require(
            any(self.n_subjects[split] * self.recordings_of(split) for split in SPLITS),
            "at least one subject with one recording",
            f"n_subjects {dict(self.n_subjects)}, n_recordings {self.n_recordings}",
        )
        self._require(
            0 < self.min_seizure_s <= self.max_seizure_s and self.artefacts_per_hour >= 0,
            "0 < min_seizure_s <= max_seizure_s and artefacts_per_hour of 0 or more",
            f"{self.min_seizure_s}, {self.max_seizure_s} and {self.artefacts_per_hour}",
        )
        self._require(
            bool(self.montages) and set(self.montages) <= set(MONTAGES),
            f"montages among {', '.join(MONTAGES)}",
            f"{list(self.montages)}",
        )
        self._require(
            bool(self.rates_hz) and all(rate == int(rate) >= 128 for rate in self.rates_hz),
            "rates_hz as whole numbers of 128 or more",
            f"{list(self.rates_hz)}",
        )
        self._require(
            bool(self.mains_hz) and all(hz > 0 for hz in self.mains_hz),
            "positive mains_hz",
            f"{list(self.mains_hz)}",
        )
        self._require(
            bool(self.difficulties) and all(0.0 <= each <= 1.0 for each in self.difficulties),
            "difficulty from 0 to 1",
            f"{self.difficulty}",
        )
        self._require_weights("populations", POPULATIONS)
        self._require_weights("seizure_types", SEIZURE_TYPES)
        self._require(self.plantings >= 0, "plantings of 0 or more", f"{self.plantings}")
        self._require(self.seed >= 0, "a seed of 0 or more", f"{self.seed}")

    def seconds_of(self, split: str) -> int:
        """Length of each recording of a split."""
        length = self.duration_s
        return length[split] if isinstance(length, Mapping) else length

    def recordings_of(self, split: str) -> int:
        """Recordings of each subject of a split."""
        number = self.n_recordings
        return number[split] if isinstance(number, Mapping) else number

    @property
    def difficulties(self) -> tuple[float, ...]:
        """Difficulty of subject 0, 1, ..., repeated."""
        each = self.difficulty
        return each if isinstance(each, tuple) else (each,)

    @property
    def total_s(self) -> float:
        """Seconds of EEG in the whole corpus."""
        return sum(
            n * self.recordings_of(split) * self.seconds_of(split)
            for split, n in self.n_subjects.items()
        )

    def _require_weights(self, name: str, known: tuple[str, ...]) -> None:
        weights = dict(getattr(self, name))
        object.__setattr__(self, name, weights)
        self._require(
            set(weights) <= set(known)
            and all(weight >= 0 for weight in weights.values())
            and sum(weights.values()) > 0,
            f"{name} with weights of 0 or more, one of them positive, among {', '.join(known)}",
            f"{weights}",
        )

    def _require(self, holds: bool, expected: str, got: str) -> None:
        if not holds:
            raise InvalidOption(expected, got, "Change the value on the command line.")
