"""`augment`: random variations for training, recorded so that each can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import seconds
from audiokit.engine.parts import Parts
from audiokit.engine.settings import Seed
from audiokit.engine.sound import Sound, Source
from audiokit.engine.stage import Options, stage
from audiokit.errors import InputError, ParameterError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.dsp.effects.augment import Draw

    Array = NDArray[np.float32]
    #: (number of the segment, audio (C, n), rate) -> the variation, and what was drawn.
    Vary = Callable[[int, Array, int], tuple[Array, list[Draw]]]


def _check(options: Options) -> None:
    """Read the recipe before anything else."""
    from audiokit.stages.augment.read import read_recipe

    if options["like"] is None:
        read_recipe(options["recipe"])


def _names(options: Options) -> Sequence[str] | None:
    copies = options["copies"]
    if copies == 1 or options["like"] is not None:
        return None
    width = max(3, len(str(copies - 1)))
    return [f"{copy:0{width}d}" for copy in range(copies)]


@stage(reads=Sound, writes=(Sound, Parts), check=_check, names=_names, naming="{stem}_{part}.{ext}")
def augment(
    sound: Sound,
    *,
    recipe: Annotated[
        str, Option("What may happen: a chain of effects.", metavar="speech|music|notes|FILE.toml", reads=True)
    ] = "music",
    copies: Annotated[int, Option("Variations per file.", min=1, max=10_000)] = 1,
    segment: Annotated[
        float | str,
        Option("Longer files are varied in segments of this length; 0: never.", metavar="60s|0", parse=seconds),
    ] = "60s",
    like: Annotated[Source | None, Option("Do exactly what was done when this file was made.")] = None,
    seed: Seed = 0,
) -> Sound | Parts:
    """Make random, recorded variations for training.

    The effects are those of audiomentations. What was drawn is in each output's history (audiokit info FILE --json).
    The same seed gives the same bytes, whatever --jobs is and whatever other files there are.

    Examples:
        audiokit augment notes/ -o more-notes/ --recipe notes --copies 5 --seed 7 --jobs 2
        audiokit augment talk.wav -o varied.wav --recipe speech
        audiokit augment talk.wav -o again.wav --like varied.wav

    Returns:
        The variation; several by number where `copies` asks for more than one.

    Raises:
        InputError: there is no such recipe, or `like` was not made here or is of a shorter sound.
        ParameterError: an effect is unknown, a setting wrong, or it changes the length of segments.

    >>> import numpy as np
    >>> y = np.sin(np.arange(8000, dtype=np.float32) * 0.1)[None]
    >>> varied = augment(y, 16_000, recipe="notes", seed=1)
    >>> bool((varied == augment(y, 16_000, recipe="notes", seed=1)).all())
    True
    """
    from audiokit.stages.augment.read import read_recipe

    length = float(segment)
    if like is not None:
        return _varied(sound, length, *_repeating(sound, Sound.open(like)))
    effects = read_recipe(recipe)
    name = "stdin" if sound.name == "-" else Path(sound.name).name

    def variation(source: Sound, copy: int) -> Sound:
        from audiokit.dsp.effects.augment import augment as vary_by
        from audiokit.dsp.effects.augment import derive_seed

        # The name decides, not the place in the batch: other files coming or going change nothing.
        return _varied(
            source, length, lambda n, y, rate: vary_by(y, rate, effects, seed=derive_seed(seed, name, copy, n)), copy
        )

    names = _names({"copies": copies, "like": None})
    if names is None:
        made = variation(sound, 0)
        made.notes.report |= {"copies": 1, "effects": [made.notes.report["effects"]]}
        return made
    if sound.name == "-":
        raise UsageError("only one variation can be made of standard input", hint="leave out --copies")
    source = sound.replay()
    notes = Notes()

    def items() -> Iterator[tuple[str, Sound]]:
        drawn = []
        for copy, part in enumerate(names):
            made = variation(source, copy)
            drawn.append(made.notes.report["effects"])
            notes.report["seconds"] = round((made.length or 0) / made.rate, 6)
            yield part, made
        notes.report |= {"rate": source.rate, "channels": source.channels, "copies": len(names), "effects": drawn}

    return Parts.in_turn(items, names=names, source=sound.name, notes=notes)


def _repeating(sound: Sound, like: Sound) -> tuple[Vary, int]:
    """What does to a sound what was done when another was made, and the number of that copy."""
    from audiokit.dsp.effects.augment import Draw, repeat

    entries = [entry for entry in like.history if entry.get("name") == "augment" and "effects" in entry]
    if not entries:
        raise InputError(f"{like.name}: was not made by augment, or its history is gone")
    draws = [[Draw.from_dict(fields) for fields in segment] for segment in entries[-1]["effects"]]

    def vary(number: int, y: Array, rate: int) -> tuple[Array, list[Draw]]:
        if number >= len(draws):
            raise InputError(f"{sound.name}: is longer than what {like.name} was made of")
        return repeat(y, rate, draws[number]), draws[number]

    return vary, int(entries[-1].get("copy", 0))


def _varied(sound: Sound, segment_s: float, vary: Vary, copy: int) -> Sound:
    """Vary a recording segment by segment, with cross-fades; most are one segment.

    What was drawn belongs into the header, and is known when everything is done: so it is done at once.
    """
    draws: list[list[Draw]] = []

    def blocks() -> Iterator[Array]:
        from audiokit.dsp.effects.augment import FADE_S, join_segments

        draws.clear()
        size = round(segment_s * sound.rate) if segment_s else 0
        fade = min(round(FADE_S * sound.rate), max(1, size - 1)) if size else 0
        held: Array | None = None
        for number, piece in enumerate(_segments(sound, size, fade)):
            varied, drawn = vary(number, piece, sound.rate)
            draws.append(drawn)
            if number and varied.shape[1] != piece.shape[1]:
                raise ParameterError(
                    "an effect of the recipe changes the length, which segments of a long file cannot do",
                    hint="add --segment 0 to treat each file as a whole (in memory)",
                )
            varied = varied if held is None else join_segments(held, varied, min(fade, varied.shape[1]))
            done = max(0, varied.shape[1] - fade)
            yield varied[:, :done]
            held = varied[:, done:]
        if held is not None:
            yield held

    from dataclasses import asdict

    made = sound.derive(blocks, length=None, notes=Notes()).kept()
    effects = [[asdict(draw) for draw in segment] for segment in draws]
    made.notes.report["effects"] = effects
    made.notes.details |= {"copy": copy, "effects": effects}
    return made


def _segments(sound: Sound, size: int, fade: int) -> Iterator[Array]:
    """Pieces of `size` samples (everything for 0) that overlap by `fade`."""
    from audiokit.dsp.effects.cut import cut, even_spans

    if not size or (sound.length is not None and sound.length <= size):
        yield sound.samples
        return
    yield from (piece for _, piece in cut(sound.blocks(), even_spans(size, fade)))
