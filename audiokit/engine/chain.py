"""Chains: stages written as in the shell, checked whole before anything runs, and run in one process.

    split --stem vocals | denoise | normalize --to -16     # comments and line breaks are allowed

A chain gives byte for byte what the same stages joined by pipes give: between two stages a flow is brought into the
form in which it leaves a pipe (`piped`), and the last stage alone decides how the result is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Flow
from audiokit.engine.option import bind
from audiokit.engine.parts import Parts
from audiokit.engine.piped import piped
from audiokit.engine.sound import Sound
from audiokit.engine.words import Word, misplaced
from audiokit.errors import UsageError

if TYPE_CHECKING:
    from audiokit.engine.stage import Stage


#: What the names of further files may hold, filled in per input.
FIELDS = ("{stem}", "{part}", "{ext}", "{parent}", "{suffix}")
#: Options that name networks, which may be folders of one's own.
_MODELS = ("model", "vocoder", "features")


@dataclass(frozen=True)
class Step:
    """A stage with its options, as given, and its further inputs.

    Attributes:
        stage: what is done.
        options: as given.
        others: paths of further inputs, for stages that take several; {stem} and the like are filled in per input. What
            flows comes first, or where "-" stands.
        force: files that it writes may be replaced.
    """

    stage: Stage[..., Any, Any]
    options: dict[str, Any] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    force: bool = False
    #: Whether the step stands in the history.
    records: ClassVar[bool] = True

    def __or__(self, other: Step | Chain) -> Chain:
        """Chain with what comes next, as with a bar in the shell."""
        return Chain((self,)) | other

    def check(self, *, first: bool) -> None:
        """Refuse options that make no sense, or none in a chain, or none behind another stage (AudiokitError)."""
        options = self.stage.bind(self.options)
        self.stage.check_alone(self.options)
        if self.stage.hooks.chained is not None:
            self.stage.hooks.chained(options, first)
        if self.stage.many:
            if self.others.count("-") > 1:
                raise UsageError("what flows can be one input only")
            self.stage.check_count(len(self.others) + ("-" not in self.others))

    def apply(self, flow: Any, *, save: Mapping[str, Any] | None = None) -> Any:
        """Run the stage on a flow; parts go through it one by one, unless it takes them as they are."""
        if isinstance(flow, Parts) and flow.as_chunks is not None and Chunks in self.stage.reads:
            chunks = flow.as_chunks()
            chunks.head.history = [*chunks.head.history, *flow.history]
            flow = piped(chunks)
        if isinstance(flow, Parts) and Parts not in self.stage.reads:
            return each_part(self, flow, save)
        if not self.stage.reads:
            return self.stage.apply(None, self.options, save=save)
        if not self.stage.many:
            return self.stage.apply(self.stage.take(flow), self.options, save=save)
        tracks = [self.stage.take(flow if path == "-" else path) for path in self._in_order()]
        return self.stage.apply(tracks, self.options, save=save, inputs=[track.name for track in tracks])

    def filled_in(self, fields: Mapping[str, str]) -> Step:
        """Fill {stem}, {part}, {ext}, {parent} and {suffix} into names of files: of options, and of further inputs."""

        def fill(value: Any) -> Any:
            for name, text in fields.items() if isinstance(value, str) else ():
                value = value.replace("{" + name + "}", text)
            return value

        files = {
            option.name
            for option in self.stage.options
            if option.is_source or "FILE" in (getattr(option.about, "metavar", None) or "")
        }
        options = {name: fill(value) if name in files else value for name, value in self.options.items()}
        return replace(self, options=options, others=tuple(fill(path) for path in self.others))

    def places(self, flow: str) -> tuple[str, ...]:
        """All inputs of a stage that takes several, in order, with a name for what flows."""
        return tuple(flow if path == "-" else path for path in self._in_order())

    def _in_order(self) -> tuple[str, ...]:
        return self.others if "-" in self.others else ("-", *self.others)

    @property
    def is_template(self) -> bool:
        """Whether names of its files are filled in per input, so that there is none to open before."""
        return any(field in path for path in self.named() for field in FIELDS)

    def values(self) -> dict[str, Any]:
        """All options, those that are not given by their defaults."""
        return bind(self.stage.options, self.options, self.stage.name)

    @property
    def several(self) -> bool:
        """Whether one sound becomes several, each of which goes on alone."""
        names, suffix = self.stage.hooks.names, self.stage.hooks.suffix
        if names is not None and len(names(self.values()) or ()) > 1:
            return True
        return suffix is not None and suffix(self.values()) == ""

    @property
    def takes(self) -> tuple[type[Flow], ...]:
        """Types of flow that it reads, by these options."""
        found = self.stage.hooks.found
        wanted = {"audio": Sound, "chunks": Chunks}.get(found(self.values())) if found is not None else None
        return (wanted,) if wanted in self.stage.reads else self.stage.reads

    @property
    def gives(self) -> tuple[type[Flow], ...]:
        """Types of flow that it writes, by these options."""
        hook, writes = self.stage.hooks.suffix, self.stage.writes
        if hook is None:
            return writes
        made = {"": (Parts, Chunks), ".chunks": (Chunks,), ".wav": (Sound,)}.get(hook(self.values()), writes)
        return tuple(kind for kind in made if kind in writes)

    def named(self) -> list[str]:
        """Name what can only be a file that this step reads beside what flows through it, there or not."""
        paths = [self.options.get(option.name) for option in self.stage.options if option.is_source]
        return [path for path in (*paths, *(other for other in self.others if other != "-")) if isinstance(path, str)]

    def files(self) -> list[str]:
        """Name the files that this step reads beside what flows through it, and the folders of its models."""
        words = [o.name for o in self.stage.options if getattr(o.about, "reads", False) or o.name in _MODELS]
        given = [self.options.get(name) for name in words]
        return [*self.named(), *(path for path in given if isinstance(path, str) and os.path.exists(path))]

    def writes(self) -> list[str]:
        """Name the files that this step writes beside what flows on."""
        named = [option.name for option in self.stage.options if option.is_written]
        return [path for path in map(self.options.get, named) if isinstance(path, str)]


def each_part(step: Step, parts: Parts, save: Mapping[str, Any] | None) -> Parts:
    """Parts of which each has gone through a step, whose files may be named after the part.

    Raises:
        UsageError: the parts lie in folders of their own, or all would write one file.
    """
    same = next((path for path in step.writes() if "{part}" not in path), None)
    if same is not None:
        raise UsageError(
            f"{same} would be written anew for each of the {parts.called}", hint="put {part} into its name"
        )
    if parts.place is not None:
        raise UsageError(f"the {parts.called} lie in a layout of their own, which {step.stage.name} cannot keep")

    def items() -> Iterator[tuple[str, Sound]]:
        for name, sound in parts:
            yield name, step.filled_in({"part": name}).apply(piped(sound), save=save)

    made = Parts.in_turn(items, names=parts.names, source=parts.name)
    made.notes, made.called = parts.notes, parts.called
    return made


@dataclass(frozen=True)
class Chain:
    """Stages in a row: a function like each of them.

    >>> import numpy as np
    >>> from audiokit.stages.normalize import normalize
    >>> quieter = normalize.step(to=-20) | normalize.step(to=-30)
    >>> quieter(np.zeros((1, 4410), np.float32), 44100).shape
    (1, 4410)
    """

    steps: tuple[Step, ...]

    def __or__(self, other: Chain | Step) -> Chain:
        """Chain with another chain, as with a bar in the shell."""
        chain = fitting(Chain((*self.steps, *(other.steps if isinstance(other, Chain) else (other,)))))
        for number, step in enumerate(chain.steps):
            step.check(first=number == 0)
        return chain

    def __call__(self, source: Any = None, /, *rest: Any) -> Any:
        """Run on a path, a flow, or an array with its rate; give a flow, or an array for an array.

        A chain that begins with a stage that reads nothing is run on nothing.
        """
        options = self.first.bind(self.steps[0].options)
        takes = self.first.reads or source is not None
        flow: Any = self.first.take(source, *rest, options=options) if takes else None
        for number, step in enumerate(self.steps):
            flow = step.apply(piped(flow) if number else flow)
        return flow.plain() if hasattr(source, "__array__") else flow

    @property
    def first(self) -> Stage[..., Any, Any]:
        """The stage that reads the input."""
        return self.steps[0].stage

    @property
    def name(self) -> str:
        """What messages call it."""
        return " | ".join(step.stage.name for step in self.steps)


def fitting(chain: Chain, text: str = "", places: Sequence[Word] = ()) -> Chain:
    """Check that every stage reads what the one before writes (UsageError that shows the place)."""
    before: Step | None = None
    makes_several: Step | None = None
    gives: tuple[type[Flow], ...] = ()
    for number, step in enumerate(chain.steps):
        takes, reason, hint = step.takes, None, None
        if before is not None and not takes:
            reason = f"{step.stage.name} reads nothing, so it can only begin a chain"
        elif before is not None and not (set(gives) & set(takes) or (Parts in gives and Sound in takes)):
            reason = f"{step.stage.name} reads {_named(takes)}, but {before.stage.name} writes {_named(gives)}"
        if step.records and Chunks in gives and Chunks in takes:
            makes_several = None  # pieces that go on together, as one set
        if reason is None and step.several:
            if makes_several is not None:
                reason = (
                    f"{makes_several.stage.name} makes several sounds already, and {step.stage.name} several of each"
                )
                hint = "write the first ones to a folder, and run the rest of the chain over it"
            makes_several = step
        if reason is not None:
            if places:
                raise misplaced(text, places[number].start, places[number].stop, reason, hint)
            raise UsageError(reason, hint=hint)
        if step.records:
            before, gives = step, step.gives
        elif Parts in gives:  # what passes by stays what it was, but pieces are then sounds of their own
            gives = (Parts,)
        elif before is None:
            gives = step.gives
    return chain


def _named(kinds: Iterable[type[Flow]]) -> str:
    return " or ".join(kind.kind for kind in kinds) or "nothing"
