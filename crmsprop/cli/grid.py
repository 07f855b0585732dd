"""What ``crmsprop tune`` searches: values of parameters, from ``--param rho=0.8,0.9``, and the candidates they make."""

import argparse
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import ParameterSampler

from crmsprop.cli.hints import did_you_mean
from crmsprop.cli.options import NETWORK, TRAINING, Option, flag_of
from crmsprop.cli.parser import UsageError
from crmsprop.errors import check_integer

#: The number of threads changes no result.
SEARCHABLE = {option.parameter: option for option in (*NETWORK, *TRAINING) if option.parameter != "n_threads"}

#: The same by the names of the options too, without the dashes in front: "epochs" is max_epochs.
NAMES = {**SEARCHABLE, **{flag_of(name).removeprefix("--"): option for name, option in SEARCHABLE.items()}}

#: What a value has to be, where its parser does not say so itself.
KINDS: dict[Any, str] = {int: "an integer", float: "a number", bool: "yes or no"}
SWITCHES = {"yes": True, "no": False}

RANGE = re.compile(r"(?P<low>[^,]+?)\.\.(?P<high>[^,]+?)(?P<log>:log)?")


class Value(NamedTuple):
    """A value of a parameter, and the words that stand for it."""

    words: str
    value: Any


#: A value for each parameter that is searched.
Candidate = Mapping[str, Value]


class Range(NamedTuple):
    """Numbers between two, both included, of which some are drawn.

    Attributes
    ----------
    low, high : float
    whole : bool
        Whether to draw integers.
    log : bool
        Whether the logarithm is uniform, and not the number; an integer k is then as likely as log((k + 1) / k).
    """

    low: float
    high: float
    whole: bool
    log: bool

    def rvs(self, random_state: np.random.RandomState) -> Value:
        """Draw a number, of four significant digits or whole: what is printed is what is used."""
        high = self.high + 1 if self.whole else self.high
        if self.log:
            number = math.exp(random_state.uniform(math.log(self.low), math.log(high)))
        else:
            number = random_state.uniform(self.low, high)
        number = math.floor(number) if self.whole else float(f"{number:.4g}")
        number = min(max(number, self.low), self.high)
        return Value(str(number), number)


#: Parameters in the order of the command line.
Grid = dict[str, Sequence[Value] | Range]


def parse_param(text: str) -> tuple[str, Sequence[Value] | Range]:
    """Return the parameter that `text` names, itself or by its option, and its values.

    Raises
    ------
    argparse.ArgumentTypeError
        If it names none, or a value is none of it.
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not equals:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE,..., such as rho=0.8,0.9, got {text!r}")
    if name not in NAMES:
        hint = did_you_mean(name, SEARCHABLE)
        rule = "must begin with the name of a parameter" if hint else f"must have {', '.join(SEARCHABLE)} as NAME"
        raise argparse.ArgumentTypeError(f"{rule}, got {text!r}{hint}")
    option = NAMES[name]
    name = option.parameter
    if option.type in (int, float) and not option.many and (match := RANGE.fullmatch(rest)):
        return name, _range(option, **match.groupdict())
    values = [Value(words, _value(words, option)) for words in _split(rest, option)]
    if len({repr(value) for _, value in values}) < len(values):
        raise argparse.ArgumentTypeError(f"{name} must have each value once, got {rest!r}")
    return name, values


def make_grid(params: Sequence[tuple[str, Sequence[Value] | Range]]) -> Grid:
    """Return the parameters by name; UsageError where one comes twice."""
    names = [name for name, _ in params]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--param must give the values of {twice[0]} at once, got it {names.count(twice[0])} times")
    return dict(params)


def all_candidates(grid: Grid) -> list[Candidate]:
    """Return every combination, the last parameter moving first.

    Raises
    ------
    UsageError
        If there is a range, of which there is no end.
    """
    values = []
    for name, known in grid.items():
        if isinstance(known, Range):
            raise UsageError(f"--param {name} is a range, from which --random N draws: give that, or single values")
        values.append(known)
    return [dict(zip(grid, combination, strict=True)) for combination in itertools.product(*values)]


def drawn_candidates(grid: Grid, n: int, seed: int) -> list[Candidate]:
    """Return `n` combinations by chance; without repetition, where there are no ranges.

    Raises
    ------
    ValueError
        If there are not so many.
    """
    sizes = [math.inf if isinstance(values, Range) else len(values) for values in grid.values()]
    check_integer("--random", n, 1, None if math.inf in sizes else int(math.prod(sizes)))
    drawn = ParameterSampler(grid, n, random_state=seed)
    return [{name: candidate[name] for name in grid} for candidate in drawn]


def in_words(candidate: Candidate) -> str:
    """Return a candidate as text."""
    return " ".join(f"{name}={value.words}" for name, value in candidate.items())


def values_of(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate as parameters of an estimator."""
    return {name: value for name, (_, value) in candidate.items()}


def _split(text: str, option: Option) -> list[str]:
    """Cut at commas; where a value can have some of its own, only at those before the beginning of another one."""
    words = "|".join(re.escape(word) for word in option.words)
    comma = rf",(?=\s*(?:{words})(?![\w=-]))" if words else ","
    return [part.strip() for part in re.split(comma, text)]


def _value(text: str, option: Option) -> Any:
    try:
        if option.type is bool:
            return SWITCHES[text]
        if option.many:
            return tuple(option.type(part) for part in text.split() or [""])
        return option.type(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{option.parameter} {error}") from error
    except (KeyError, ValueError):
        raise _refused(option, text) from None


def _range(option: Option, low: str, high: str, log: str | None) -> Range:
    ends = [_value(end.strip(), option) for end in (low, high)]
    if not -math.inf < ends[0] < ends[1] < math.inf or (log and ends[0] <= 0):
        rule = "must have a range LOW..HIGH that goes up" + (" from above 0" if log else "")
        raise argparse.ArgumentTypeError(f"{option.parameter} {rule}, got '{low}..{high}'")
    return Range(ends[0], ends[1], whole=option.type is int, log=log is not None)


def _refused(option: Option, text: str) -> argparse.ArgumentTypeError:
    kind = KINDS.get(option.type, "text")
    kind = f"{kind}, or several with spaces between them" if option.many else kind
    return argparse.ArgumentTypeError(f"{option.parameter} must be {kind}: {option.meaning}; got {text!r}")
