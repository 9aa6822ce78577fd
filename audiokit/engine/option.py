"""An option, said once: name, type, default, range and help stand in a signature, and everything else is read there.

    def gain(sound: Sound, *, by: Annotated[float, Option("Gain in dB.", min=-60, max=60)] = 0.0) -> Sound: ...

The same declaration serves the shell (`audiokit.engine.shell`), Python callers, chains, the recipe in the history and
`--schema`. The fields of a class are declared in the same way, for options that travel together.

Every command builds these classes before it prints its help: named tuples are made in a quarter of a dataclass' time.
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Container, Iterable, Mapping
from functools import cache, cached_property
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from audiokit.errors import ParameterError

#: Reads the text of an option; the second argument is the option's flag, for errors.
Parser = Callable[[str, str], Any]


class Option(NamedTuple):
    """What a signature says about one option beside its name, type and default.

    Attributes:
        help: one sentence for the manual and `--help`.
        flag: what is typed, where it is not the name ("--range"), or a pair ("--limiter/--no-limiter").
        short: one letter for it ("-j").
        metavar: what stands for the value in help; choices and files need none.
        min, max: the range of a number.
        parse: reads text such as "6s"; values of other types pass through.
        recorded: whether the option decides what the result is, so that it belongs into the recipe.
        when: option and the values of which one must be chosen for this one to matter, such as ("engine", "optimize");
            with another choice it is refused where it is given, and not recorded.
        hidden: set by the program, not by users.
        reads: names a file that is read, and is no sound.
        alone: looks at all inputs together, so that it has no meaning in a chain or for one sound.
        group: the heading it stands under in help and manual; by default with what the command does.
    """

    help: str
    flag: str | None = None
    short: str | None = None
    metavar: str | None = None
    min: float | None = None
    max: float | None = None
    parse: Parser | None = None
    recorded: bool = True
    when: tuple[str, *tuple[Any, ...]] | None = None
    hidden: bool = False
    reads: bool = False
    alone: bool = False
    group: str = "Options"


class Argument(NamedTuple):
    """What a signature says about something that is given by its place, not by a flag."""

    help: str
    metavar: str
    group: str = "Arguments"


class Declared:
    """One option as a signature declares it.

    Attributes:
        name: of the keyword argument; `plain` is it without the underscore that avoids a builtin.
        annotation: its type, without Annotated.
        default: `inspect.Parameter.empty` where it must be given.
        about: the Option or Argument.
        chooser: the option that decides whether this one matters, if any.
    """

    def __init__(self, name: str, annotation: Any, default: Any, about: Option | Argument) -> None:
        self.name, self.annotation, self.default, self.about = name, annotation, default, about
        self.chooser: Declared | None = None

    @cached_property
    def plain(self) -> str:
        """The name as recipes and schemas write it."""
        return self.name.rstrip("_")

    @cached_property
    def flag(self) -> str:
        """What is typed in the shell."""
        flag = self.about.flag if isinstance(self.about, Option) else None
        return (flag or "--" + self.plain.replace("_", "-")).split("/")[0]

    @cached_property
    def help(self) -> str:
        """What help and manual say: the sentence, and what must be chosen for it to matter, if that is no default."""
        if self.chooser is None or self.chooser.default in self.wanted:
            return self.about.help
        return f"{self.about.help} [{self.chooser.flag} {'|'.join(self.wanted)}]"

    @property
    def wanted(self) -> tuple[Any, ...]:
        """The values of `chooser` with which this one matters."""
        when = getattr(self.about, "when", None)
        return () if when is None else when[1:]

    @cached_property
    def kinds(self) -> tuple[Any, ...]:
        """The types that a value may have, None left out."""
        if get_origin(self.annotation) in (Union, types.UnionType):
            return tuple(kind for kind in get_args(self.annotation) if kind is not type(None))
        return (self.annotation,)

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The words that are allowed, () for any."""
        kinds = [item for kind in self.kinds for item in (get_args(kind) if get_origin(kind) is list else (kind,))]
        return tuple(str(word) for kind in kinds if get_origin(kind) is Literal for word in get_args(kind))

    @cached_property
    def is_source(self) -> bool:
        """Whether the value is a sound or a set of chunks, in the shell the name of its file."""
        return any(getattr(kind, "is_flow", False) for kind in self.kinds)

    @cached_property
    def is_written(self) -> bool:
        """Whether the value names a file that is written beside the result."""
        about = self.about
        if not isinstance(about, Option) or about.reads or self.is_source:
            return False
        return (about.metavar or "").startswith("FILE")

    @cached_property
    def is_flag(self) -> bool:
        """Whether it is said by being there."""
        return self.kinds == (bool,)

    @cached_property
    def repeats(self) -> bool:
        """Whether it may be given several times."""
        return any(get_origin(kind) in (list,) for kind in self.kinds)

    def value(self, given: Any) -> Any:
        """Check one value and bring it into the form that the function expects.

        Raises:
            ParameterError: outside the range, no such choice, or text that cannot be read.
        """
        if given is None or isinstance(self.about, Argument):
            return given
        if self.repeats:
            items = [given] if isinstance(given, str | int | float) else given
            return [self._one(item, self.about) for item in items]
        return self._one(given, self.about)

    def _one(self, given: Any, about: Option) -> Any:
        if self.choices and given not in self.choices:
            from audiokit.engine.talk import meant

            near = meant(str(given), self.choices)
            raise ParameterError(
                f"{self.flag} {given}: not one of {', '.join(self.choices)}", hint=near and f"did you mean {near}?"
            )
        if isinstance(given, str) and about.parse is not None:
            given = about.parse(given, self.flag)
        if isinstance(given, int | float) and not isinstance(given, bool):
            low, high = about.min, about.max
            if (low is not None and not given >= low) or (high is not None and not given <= high):
                raise ParameterError(f"{self.flag} {given}: {_range(low, high)}")
            if isinstance(given, float) and not math.isfinite(given):
                raise ParameterError(f"{self.flag} {given}: must be a finite number")
        return given


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"must be at least {low:g}" if high is None else f"must be at most {high:g}"
    return f"must be within {low:g} to {high:g}"


@cache
def declared_in(holder: Callable[..., Any]) -> tuple[Declared, ...]:
    """Read the options that a function's keyword arguments, or a class' fields, declare.

    >>> from typing import Annotated
    >>> def gain(y, *, by: Annotated[float, Option("Gain in dB.", max=60)] = 0.0): ...
    >>> [(option.name, option.flag, option.default) for option in declared_in(gain)]
    [('by', '--by', 0.0)]
    """
    hints = get_type_hints(holder, include_extras=True)
    found = []
    for parameter in inspect.signature(holder).parameters.values():
        hint = hints.get(parameter.name)
        for about in getattr(hint, "__metadata__", ()):
            if isinstance(about, Option | Argument):
                found.append(Declared(parameter.name, get_args(hint)[0], parameter.default, about))
    by_name = {option.name: option for option in found}
    for option in found:
        when = getattr(option.about, "when", None)
        option.chooser = None if when is None else by_name[when[0]]
    return tuple(found)


@cache
def groups_in(holder: Callable[..., Any]) -> dict[str, type]:
    """Find the arguments of a function that take options together: those whose type is a class of options.

    >>> from typing import Annotated
    >>> from audiokit.engine.settings import OneOutput
    >>> def work(*, times: Annotated[int, Option("How often.")] = 1, talk: OneOutput): ...
    >>> groups_in(work)["talk"].__name__
    'OneOutput'
    """
    hints = get_type_hints(holder, include_extras=True)
    return {name: hint for name, hint in hints.items() if hasattr(hint, "__annotations__")}


def bind(declared: Iterable[Declared], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Complete options by their defaults, and check every one.

    Args:
        declared: the options there are.
        given: values by name.
        owner: whose options they are, for errors.

    Returns:
        A value for every option, in the order of the declaration.

    Raises:
        TypeError: a name that is not declared, or a required option that is missing (as Python says it).
        ParameterError: see `Declared.value`.

    >>> from typing import Annotated
    >>> def gain(y, *, by: Annotated[float, Option("Gain in dB.", max=60)] = 0.0): ...
    >>> bind(declared_in(gain), {"by": 61}, "gain")
    Traceback (most recent call last):
    audiokit.errors.ParameterError: --by 61: must be at most 60
    """
    left = dict(given)
    values = {}
    for option in declared:
        value = left.pop(option.name, option.default)
        if value is inspect.Parameter.empty:
            raise TypeError(f"{owner}() needs {option.name}")
        values[option.name] = option.value(value)
    if left:
        raise TypeError(f"{owner}() got an unexpected keyword argument {next(iter(left))!r}")
    return values


def check_read(declared: Iterable[Declared], values: Mapping[str, Any], apart: Container[str] = ()) -> None:
    """Refuse options that nothing reads, for another one says so: a wish that is passed over in silence is a fault.

    Args:
        declared: the options there are.
        values: of all of them, bound.
        apart: flags that may stand there without being meant, such as those of a configuration file.

    Raises:
        ParameterError: one is given though what it is for was not chosen.

    >>> from typing import Annotated
    >>> def clean(y, *, engine: Annotated[str, Option("How.")] = "auto",
    ...     hard: Annotated[bool, Option("All or nothing.", when=("engine", "mask"))] = False): ...
    >>> check_read(declared_in(clean), {"engine": "auto", "hard": True})
    Traceback (most recent call last):
    audiokit.errors.ParameterError: --hard is for --engine mask
    """
    for option in declared:
        chooser, wanted = option.chooser, option.wanted
        if chooser is None or values[chooser.name] in wanted or option.flag in apart:
            continue
        given, default = values[option.name], option.value(option.default)
        if given is default or (not hasattr(given, "__array__") and given == default):
            continue
        if chooser.is_flag:
            raise ParameterError(f"{option.flag} means nothing with {chooser.flag}", hint="leave one of them out")
        words = " or ".join([", ".join(wanted[:-1]), wanted[-1]] if wanted[1:] else wanted)
        way_out = f"leave {chooser.flag} out" if chooser.default in wanted else f"add {chooser.flag} {wanted[0]}"
        raise ParameterError(
            f"{option.flag} is for {chooser.flag} {words}", hint=f"{way_out}, or leave {option.flag} out"
        )


def recipe(declared: Iterable[Declared], given: Mapping[str, Any]) -> dict[str, Any]:
    """Name what makes a result what it is, as the history records it: every option that is set and that matters.

    >>> from typing import Annotated
    >>> def gain(y, *, by: Annotated[float, Option("In dB.")] = 0.0, fast: Annotated[bool, Option("")] = False): ...
    >>> recipe(declared_in(gain), {"by": -3.0})
    {'by': -3.0}
    """
    all_of_them = tuple(declared)
    values = {option.name: given.get(option.name, option.default) for option in all_of_them}
    made = {}
    for option in all_of_them:
        value, about = values[option.name], option.about
        if isinstance(about, Argument) or not about.recorded or value is None or value is False:
            continue
        if isinstance(value, list | tuple) and not value:
            continue
        if option.chooser is not None and values[option.chooser.name] not in option.wanted:
            continue
        if option.repeats and str in option.kinds and isinstance(value, list) and len(value) == 1:
            value = value[0]  # the shell gives a list of one where Python callers say the word itself
        made[option.plain] = _plain(value)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if getattr(value, "is_flow", False):
        return value.name
    if hasattr(value, "__array__"):
        return f"an array of {getattr(value, 'shape', ())}"
    return value if isinstance(value, bool | int | float | str | dict) else str(value)


def schema(declared: Iterable[Declared]) -> dict[str, Any]:
    """Describe options in the words of JSON Schema, for front-ends.

    >>> from typing import Annotated
    >>> def gain(y, *, by: Annotated[float, Option("Gain in dB.", max=60)] = 0.0): ...
    >>> schema(declared_in(gain))["by"]
    {'type': 'number', 'flag': '--by', 'description': 'Gain in dB.', 'default': 0.0, 'maximum': 60}
    """
    return {option.plain: _described(option) for option in declared if not getattr(option.about, "hidden", False)}


_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def _described(option: Declared) -> dict[str, Any]:
    about = option.about
    names = [_JSON_TYPES.get(kind, "string") for kind in option.kinds]
    made: dict[str, Any] = {"type": "array" if option.repeats else names[0] if len(set(names)) == 1 else names}
    if isinstance(about, Argument):
        return {**made, "description": about.help}
    made |= {"flag": option.flag, "description": option.help}
    if option.default is not inspect.Parameter.empty and option.default is not None:
        made["default"] = _plain(option.default)
    if option.choices:
        made["enum"] = list(option.choices)
    made |= {key: limit for key, limit in (("minimum", about.min), ("maximum", about.max)) if limit is not None}
    if option.is_source:
        made["format"] = "path"
    return made
