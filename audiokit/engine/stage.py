"""A stage: a function from what flows to what flows, whose keyword arguments are its options.

    @stage(reads=Sound, writes=Sound)
    def gain(sound: Sound, *, by: Annotated[float, Option("Gain in dB.", min=-60, max=60)] = 0.0) -> Sound:
        \"\"\"Turn a sound up or down. ...\"\"\"

The decorated function is what Python callers use (on paths, arrays or flows), the command of the same name
(`audiokit.engine.shell`), and a step of a chain. It never opens, names or writes files: flows are opened and saved by
`audiokit.engine.work`.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, overload

from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Flow
from audiokit.engine.option import Declared, bind, check_read, declared_in, recipe, schema
from audiokit.engine.parts import Parts
from audiokit.engine.sound import Sound
from audiokit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.engine.chain import Step
    from audiokit.engine.settings import BatchOptions, SaveOptions

    Array = NDArray[np.float32]

P = ParamSpec("P")
#: What a stage gives for a path or a flow, and for an array.
Made = TypeVar("Made")
Plain = TypeVar("Plain")

Options = Mapping[str, Any]


class Call(NamedTuple):
    """One command line as a stage's hooks see it, everything checked.

    Attributes:
        inputs: as given.
        out: `--out` as given.
        options: the stage's own, as given (bound values come from `Stage.bind`).
        save: how sounds are written.
        batch: the shared options.
    """

    inputs: Sequence[str]
    out: str | None
    options: dict[str, Any]
    save: SaveOptions
    batch: BatchOptions


class Hooks(NamedTuple):
    """What a signature cannot say; all of it is optional.

    Attributes:
        saves: offer --subtype and --clip; by default where a sound is written.
        count: how many flows it takes, where `many` does not mean any number.
        check: refuse combinations of options before anything is read (options are bound).
        chained: refuse options that make no sense in a chain (options are bound; whether the stage begins the chain).
        names: names of several outputs per input, such as stems.
        naming: what `--name` is where it is not given; "{stem}/{part}.{ext}" for names.
        suffix: that of outputs named here, where neither a `format` option nor what is written decides.
        across: look at all inputs of a batch first, and return options to change.
        remarks: what is said once before anything runs, such as which model was chosen (options are bound).
        instead: do the whole call in another way, and return True; for modes that write nothing.
        opens: open a source that only the options explain; None for any other.
        found: what folders are searched for ("audio", "chunks", "either"), where the options decide.
        inputs: put other names for inputs, such as the file that stands for a folder; others stay.
        twice: the input is read more than once.
        models: names of the models that are loaded.
    """

    saves: bool | None = None
    count: int | None = None  # type: ignore[assignment]  # no tuple's `count` is wanted here
    check: Callable[[Options], None] | None = None
    chained: Callable[[Options, bool], None] | None = None
    names: Callable[[Options], Sequence[str] | None] | None = None
    naming: str | Callable[[Options], str | None] | None = None
    suffix: Callable[[Options], str] | None = None
    across: Callable[[Call], Mapping[str, Any]] | None = None
    remarks: Callable[[Options], Sequence[str]] | None = None
    instead: Callable[[Call], bool] | None = None
    opens: Callable[[str, Options], Flow | None] | None = None
    found: Callable[[Options], str] | None = None
    inputs: Callable[[Sequence[str], Options], Sequence[str]] | None = None
    twice: bool | Callable[[Options], bool] = False
    models: Callable[[Options], Sequence[str]] | None = None


class Stage(Generic[P, Made, Plain]):
    """A function between flows, and everything that its declaration says.

    Attributes:
        name: as it is typed ("align-beats").
        reads: types of flow it takes; () for none.
        writes: types of flow it gives.
        many: whether it takes several flows at once, such as the tracks of a mix.
        options: the keyword arguments.
        saves: whether the shell offers how audio is written (`--subtype`, `--clip`).
        hooks: what a signature cannot say.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        reads: type[Flow] | tuple[type[Flow], ...],
        writes: type[Flow] | tuple[type[Flow], ...],
        many: bool = False,
        hooks: Hooks | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__.rstrip("_").replace("_", "-")
        self.reads = reads if isinstance(reads, tuple) else (reads,)
        self.writes = writes if isinstance(writes, tuple) else (writes,)
        self.many, self.hooks = many, hooks or Hooks()
        saves = self.hooks.saves
        self.saves = bool({Sound, Parts} & set(self.writes)) if saves is None else saves

    @functools.cached_property
    def options(self) -> tuple[Declared, ...]:
        """The options, read from the signature when they are first needed."""
        return declared_in(self.function)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes as a name."""
        return load_stage, (f"{self.function.__module__}:{self.function.__qualname__}",)

    def __repr__(self) -> str:
        return f"<stage {self.name}>"

    @overload
    def __call__(
        self, source: Flow | str | os.PathLike[str] | Sequence[Any], /, *args: P.args, **options: P.kwargs
    ) -> Made: ...
    @overload
    def __call__(self, y: Array, rate: Any, /, *args: P.args, **options: P.kwargs) -> Plain: ...
    @overload
    def __call__(self, *args: P.args, **options: P.kwargs) -> Made: ...
    def __call__(self, *args: Any, **options: Any) -> Any:  # type: ignore[misc]
        """Run the stage on a path, a flow, or an array with its rate (or, for spectra, with their Transform)."""
        source: Any = args[0] if args else None
        rest = args[1:]
        if len(rest) > 1:
            raise TypeError(f"{self.function.__name__}() takes options by name only")
        self.check_alone(options)
        if not self.reads:
            if args:
                raise TypeError(f"{self.function.__name__}() reads nothing, and takes options by name only")
            self.bind(options)
            return self.apply(None, options)
        about = rest[0] if rest else options.pop("rate", None) if "rate" not in self._own else None
        values = self.bind(options)
        given = list(source) if self.many else [source]
        self.check_count(len(given))
        arrays = [hasattr(one, "__array__") for one in given]
        flows = [self.take(one, about, options=values) for one in given]
        made = self.apply(flows if self.many else flows[0], options)
        return made.plain() if any(arrays) else made

    @functools.cached_property
    def _own(self) -> frozenset[str]:
        return frozenset(option.name for option in self.options)

    def check_count(self, given: int) -> None:
        """Refuse another number of inputs than the stage takes (UsageError)."""
        if self.hooks.count is not None and given != self.hooks.count:
            raise UsageError(f"{self.name} takes {self.hooks.count} inputs, not {given}")

    def check_alone(self, options: Options) -> None:
        """Refuse options that only a command line of its own can follow (UsageError)."""
        for option in self.options:
            given = options.get(option.name)
            if getattr(option.about, "alone", False) and given not in (None, False, option.default):
                raise UsageError(
                    f"{option.flag} looks at all inputs together, so it is for a command line of its own",
                    hint=f"audiokit {self.name} INPUT... -o FOLDER/ {option.flag} {given}",
                )

    def take(self, source: Any, about: Any = None, *, options: Options | None = None) -> Flow:
        """Open what a caller gave: a path, "-", an array, or a flow as it is.

        Raises:
            UsageError: a flow of a kind that this stage does not read.
            InputError, DamagedError, ParameterError: see `Sound.open` and `Chunks.open`.
        """
        if not self.reads:
            raise UsageError(f"{self.name} reads nothing, so there is nothing to do with {source}")
        if isinstance(source, Flow):
            if not isinstance(source, self.reads):
                wanted = " or ".join(kind.kind for kind in self.reads)
                raise UsageError(f"{self.name} reads {wanted}, not {source.kind}")
            return source
        if hasattr(source, "__array__"):
            from numbers import Real

            if Chunks in self.reads and (Sound not in self.reads or not isinstance(about, Real | None)):
                return Chunks.of(source, about)
            return Sound.of(source, about)
        if not isinstance(source, str | os.PathLike):
            kind, given = self.reads[0].kind, type(source).__name__
            raise UsageError(
                f"{self.name} reads a path, an array or {kind}, not an object of type {given}",
                hint="what comes in pairs goes in as two arguments: f(*pair)" if isinstance(source, tuple) else None,
            )
        if self.hooks.opens is not None:
            opened = self.hooks.opens(str(source), options or bind(self.options, {}, ""))
            if opened is not None:
                return opened
        if Chunks in self.reads and (Sound not in self.reads or holds_chunks(str(source))):
            return Chunks.open(source)
        return Sound.open(source, about)

    def bind(self, options: Options) -> dict[str, Any]:
        """Complete and check options, before anything is read.

        Raises:
            ParameterError, UsageError, ModelError: a value, or a combination, that makes no sense.
        """
        from audiokit.engine.config import places

        values = bind(self.options, options, self.function.__name__)
        check_read(self.options, values, apart=places.get() or ())
        if self.hooks.check is not None:
            self.hooks.check(values)
        return values

    def apply(
        self,
        flow: Any,
        options: Options,
        *,
        save: Mapping[str, Any] | None = None,
        inputs: Sequence[str] | None = None,
    ) -> Any:
        """Run the stage on an open flow (a list of them where `many`, None where it reads nothing), and record it.

        What options say together was checked before (`bind`); here they are only completed.
        """
        values = bind(self.options, options, self.function.__name__)
        for option in self.options:
            if option.is_source and values[option.name] is not None:
                values[option.name] = _source(values[option.name], flow)
        made = self.function(flow, **values) if self.reads else self.function(**values)
        if not isinstance(made, self.writes):
            declared = " or ".join(kind.__name__ for kind in self.writes)
            raise TypeError(f"the stage {self.name} is declared to give {declared}, and gave {type(made).__name__}")
        if inputs is not None:
            made.notes.details["inputs"] = list(inputs)
        made.recorded(self.entry(options, save=save))
        return made

    def entry(self, options: Options, *, save: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """This stage's entry in the history: name, recipe, seed and version."""
        from audiokit.io.about import history_entry

        seed = next((options.get(o.name, o.default) for o in self.options if o.name == "seed"), None)
        return history_entry(self.name, {**recipe(self.options, options), **(save or {})}, seed)

    def reads_twice(self, options: Options) -> bool:
        """Whether the input is read more than once, so that a pipe is kept in a temporary file."""
        twice = self.hooks.twice
        return twice(options) if callable(twice) else twice

    def loads(self, options: Options) -> Sequence[str]:
        """Name the models that these options load."""
        return self.hooks.models(options) if self.hooks.models is not None else ()

    def step(self, *args: P.args, **options: P.kwargs) -> Step:
        """This stage with its options, to be chained with others: `split.step(stem="vocals") | denoise.step()`."""
        from audiokit.engine.chain import Step

        self.bind(options)
        self.check_alone(options)
        return Step(self, dict(options))

    def schema(self) -> dict[str, Any]:
        """Everything a front-end needs to offer the stage, as JSON Schema in plain objects."""
        reads = [kind.kind for kind in self.reads]
        return {
            "name": self.name,
            "description": self.summary,
            "reads": reads,
            "writes": [kind.kind for kind in self.writes],
            "options": schema(self.options),
        }


def _source(value: Any, flow: Any) -> Sound:
    """Open a sound that an option names; an array is taken to have the rate of what flows."""
    return Sound.open(value, getattr(flow, "rate", None) if hasattr(value, "__array__") else None)


def holds_chunks(source: str) -> bool:
    """Tell whether a source is a chunk set; standard input is looked at without taking anything from it."""
    import sys

    from audiokit.io.chunkset import is_chunks

    if source != "-":
        return is_chunks(source)
    beginning = sys.stdin.buffer.peek(512)  # type: ignore[union-attr]
    return bool(beginning[257:262] == b"ustar")


def load_stage(where: str) -> Any:
    """Import a stage by "module:name"."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


@overload
def stage(
    *, reads: tuple[()], writes: type[Flow] | tuple[type[Flow], ...], **hooks: Any
) -> Callable[[Callable[P, Any]], Stage[P, Any, Any]]: ...
@overload
def stage(
    *, reads: type[Flow] | tuple[type[Flow], ...], writes: type[Sound], many: bool = ..., **hooks: Any
) -> Callable[[Callable[Concatenate[Any, P], Any]], Stage[P, Sound, Array]]: ...
@overload
def stage(
    *, reads: type[Flow] | tuple[type[Flow], ...], writes: type[Chunks], many: bool = ..., **hooks: Any
) -> Callable[[Callable[Concatenate[Any, P], Any]], Stage[P, Chunks, tuple[NDArray[Any], Any]]]: ...
@overload
def stage(
    *, reads: type[Flow] | tuple[type[Flow], ...], writes: type[Parts], many: bool = ..., **hooks: Any
) -> Callable[[Callable[Concatenate[Any, P], Any]], Stage[P, Parts, dict[str, Array]]]: ...
@overload
def stage(
    *, reads: type[Flow] | tuple[type[Flow], ...], writes: tuple[type[Flow], ...], many: bool = ..., **hooks: Any
) -> Callable[[Callable[Concatenate[Any, P], Any]], Stage[P, Any, Any]]: ...
def stage(*, reads: Any, writes: Any, many: bool = False, **hooks: Any) -> Any:
    """Declare a stage.

    Args:
        reads: types of flow that it takes: Sound, Chunks, or a tuple of both; () for none, and then the function has
            no argument but its options.
        writes: types of flow that it gives: Sound, Chunks, Parts, or a tuple.
        many: it takes a list of flows, such as the tracks of a mix.
        hooks: what a signature cannot say, see `Hooks`.

    >>> from audiokit.engine.option import Option
    >>> from typing import Annotated
    >>> @stage(reads=Sound, writes=Sound)
    ... def gain(sound: Sound, *, by: Annotated[float, Option("Gain in dB.", max=60)] = 0.0) -> Sound:
    ...     '''Turn a sound up or down.'''
    ...     return sound.derive(lambda: (block * 10 ** (by / 20) for block in sound.blocks()))
    >>> import numpy as np
    >>> gain(np.ones((1, 2), np.float32), 8000, by=-20.0).round(3).tolist()
    [[0.10000000149011612, 0.10000000149011612]]
    """
    return lambda function: Stage(function, reads=reads, writes=writes, many=many, hooks=Hooks(**hooks))
