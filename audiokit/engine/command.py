"""A command that is no stage: nothing flows through it (`info`, `models`, `page`, `score`, `train`).

It is declared like a stage: one function whose arguments are its options, and whose docstring is its help.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Generic, ParamSpec, TypeVar

from audiokit.engine.option import Declared, bind, declared_in, groups_in, schema

P = ParamSpec("P")
R = TypeVar("R")


class Command(Generic[P, R]):
    """A function, and everything that its declaration says.

    Attributes:
        name: as it is typed.
        options: arguments and options, in order.
    """

    def __init__(self, function: Callable[P, R], *, name: str | None = None) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name or function.__name__.rstrip("_").replace("_", "-")

    @functools.cached_property
    def options(self) -> tuple[Declared, ...]:
        """The arguments and options, read from the signature when they are first needed."""
        return declared_in(self.function)

    @functools.cached_property
    def groups(self) -> dict[str, type]:
        """The arguments that take options together, such as those of every batch, and the dataclass of each."""
        return groups_in(self.function)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def __call__(self, *args: P.args, **options: P.kwargs) -> R:
        """Run it, after every option was checked (ParameterError)."""
        given = dict(inspect.signature(self.function).bind(*args, **options).arguments)
        together = {name: given.pop(name) if name in given else holder() for name, holder in self.groups.items()}
        values = bind(self.options, given, self.function.__name__)
        return self.function(**values, **together)  # type: ignore[call-arg]

    def schema(self) -> dict[str, Any]:
        """Everything a front-end needs to offer the command, as JSON Schema in plain objects."""
        return {
            "name": self.name,
            "description": self.summary,
            "reads": [],
            "writes": [],
            "options": schema([*self.options, *(o for holder in self.groups.values() for o in declared_in(holder))]),
        }


def command(*, name: str | None = None) -> Callable[[Callable[P, R]], Command[P, R]]:
    """Declare a command.

    Args:
        name: as it is typed, where the function's name will not do (`import`).

    >>> from typing import Annotated
    >>> from audiokit.engine.option import Option
    >>> @command()
    ... def double(*, times: Annotated[int, Option("How often.", max=3)] = 1) -> int:
    ...     '''Double it.'''
    ...     return 2**times
    >>> double(times=3), double.schema()["options"]["times"]["maximum"]
    (8, 3)
    """
    return lambda function: Command(function, name=name)


class Group:
    """A command that holds others (`train`, `models`): a table of names, so that listing them imports nothing.

    Args:
        name: as it is typed.
        table: name -> (where it is, the line that help shows: the first of its docstring).
        doc: help, as in a docstring.

    >>> Group("train", {"gan": ("package.gan:gan", "Train a GAN.")}, "Train models.").summary
    'Train models.'
    """

    def __init__(self, name: str, table: Mapping[str, tuple[str, str]], doc: str) -> None:
        self.name, self.table, self.__doc__ = name, dict(table), doc

    @property
    def summary(self) -> str:
        """The first line of the help."""
        return inspect.cleandoc(self.__doc__ or "").partition("\n")[0]

    def find(self, name: str) -> Any:
        """Import one of its commands; None if there is none."""
        if name not in self.table:
            return None
        module, _, attribute = self.table[name][0].partition(":")
        return getattr(import_module(module), attribute)
