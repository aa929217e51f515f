"""What a search varies: Hydra's sweep syntax as Optuna's distributions."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from brainbrr.errors import InvalidOption
from brainbrr.sweeps.search import SearchSpace
from brainbrr.sweeps.study import optuna


def search_space(
    params: Mapping[str, object], arguments: Sequence[str], config_loader: Any = None
) -> SearchSpace:
    """Read the space of a configuration's `params`, changed by command-line arguments.

    `a,b` and `choice(a, b)` are categories, `range(2, 8, 2)` numbers in steps (the last one
    excluded), `interval(0.1, 0.5)` a real number, `tag(log, interval(1e-4, 1e-2))` one on a
    logarithmic scale, `int(interval(1, 5))` an integer. An option typed with one value is fixed.

    Raises:
        InvalidOption: the space cannot be read, or nothing varies.
    """
    parser = OverridesParser.create(config_loader=config_loader)
    lines = [*(f"{key}={value}" for key, value in params.items()), *arguments]
    try:
        parsed = {each.get_key_element(): each for each in parser.parse_overrides(lines)}
    except HydraException as error:
        raise InvalidOption(
            "options with values, lists, range(), interval() or choice()",
            str(error).splitlines()[0],
            "Correct hydra.sweeper.params or the command line.",
        ) from error
    varied = {key: each for key, each in parsed.items() if each.is_sweep_override()}
    if not varied:
        raise InvalidOption(
            "an option that varies", "fixed values only", "E.g. optimizer.lr='interval(1e-4,1e-3)'."
        )
    fixed = tuple(
        f"{key}={each.get_value_element_as_str()}"
        for key, each in parsed.items()
        if key not in varied
    )
    description = {key: str(each.input_line).split("=", 1)[1] for key, each in varied.items()}
    distributions = {key: _distribution(each) for key, each in varied.items()}
    return SearchSpace(distributions, fixed, description)


def _distribution(override: Override) -> Any:
    kinds, value = optuna().distributions, override.value()
    if isinstance(value, IntervalSweep):
        # Hydra annotates float, but int(interval(...)) makes both ends integers.
        integer = {type(value.start), type(value.end)} == {int}
        kind = kinds.IntDistribution if integer else kinds.FloatDistribution
        try:
            return kind(value.start, value.end, log="log" in value.tags)
        except ValueError as error:
            raise InvalidOption(
                "an interval from low to high", f"{override.input_line}: {error}", "Correct it."
            ) from error
    if isinstance(value, RangeSweep):
        values = list(value.range())
        if values and isinstance(values[0], int):
            return kinds.IntDistribution(values[0], values[-1], step=int(value.step))
    return kinds.CategoricalDistribution(list(override.sweep_string_iterator()))
