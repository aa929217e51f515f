"""What a search varies: Hydra's sweep syntax as Optuna's distributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from brainbrr.errors import BrainbrrError
from brainbrr.training.study import optuna


class InvalidSearchSpace(BrainbrrError):
    """A search space that cannot be read, or is empty."""


@dataclass(frozen=True)
class SearchSpace:
    """What varies and what does not.

    Attributes:
        distributions: Optuna's, by option.
        fixed: overrides that every run gets.
        told: the space as text, by option, to compare with that of a study on disk.
    """

    distributions: Mapping[str, Any]
    fixed: tuple[str, ...]
    told: Mapping[str, str]

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """One run's overrides."""
        return [*self.fixed, *(f"{key}={values[key]}" for key in self.distributions)]


def search_space(
    params: Mapping[str, str], arguments: Sequence[str], config_loader: Any = None
) -> SearchSpace:
    """The space of a configuration's `params`, changed by what was typed.

    `a,b` and `choice(a, b)` are categories, `range(2, 8, 2)` numbers in steps (the last one left
    out), `interval(0.1, 0.5)` a real number, `tag(log, interval(1e-4, 1e-2))` one on a logarithmic
    scale, `int(interval(1, 5))` a whole one. An option typed with one value is not varied.

    Raises:
        InvalidSearchSpace: it cannot be read, or nothing varies.
    """
    parser = OverridesParser.create(config_loader=config_loader)
    lines = [*(f"{key}={value}" for key, value in params.items()), *arguments]
    try:
        parsed = {each.get_key_element(): each for each in parser.parse_overrides(lines)}
    except HydraException as error:
        raise InvalidSearchSpace(
            "options with values, lists, range(), interval() or choice()",
            str(error).splitlines()[0],
            "Correct hydra.sweeper.params or what was typed.",
        ) from error
    varied = {key: each for key, each in parsed.items() if each.is_sweep_override()}
    if not varied:
        raise InvalidSearchSpace(
            "something to vary", "fixed values only", "Name it: optimizer.lr='interval(1e-4,1e-3)'."
        )
    fixed = tuple(
        f"{key}={each.get_value_element_as_str()}"
        for key, each in parsed.items()
        if key not in varied
    )
    told = {key: str(each.input_line).split("=", 1)[1] for key, each in varied.items()}
    return SearchSpace({key: _distribution(each) for key, each in varied.items()}, fixed, told)


def _distribution(override: Override) -> Any:
    kinds, value = optuna().distributions, override.value()
    if isinstance(value, IntervalSweep):
        # Hydra's types say float; int(interval(...)) makes them whole all the same.
        whole = {type(value.start), type(value.end)} == {int}
        kind = kinds.IntDistribution if whole else kinds.FloatDistribution
        try:
            return kind(value.start, value.end, log="log" in value.tags)
        except ValueError as error:
            raise InvalidSearchSpace(
                "an interval from low to high", f"{override.input_line}: {error}", "Correct it."
            ) from error
    if isinstance(value, RangeSweep):
        values = list(value.range())
        if values and isinstance(values[0], int):
            return kinds.IntDistribution(values[0], values[-1], step=int(value.step))
    return kinds.CategoricalDistribution(list(override.sweep_string_iterator()))
