"""What `augment` does with files: read a recipe, vary each file from its own seed, record what was drawn."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.errors import InputError, ParameterError, UsageError
from audiokit.io.audio import Reader, Writer

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.effects.augment import Draw, Effect
    from audiokit.engine.batch import Job
    from audiokit.engine.options import BatchOptions

RECIPES = Path(__file__).parent / "recipes"
#: Settings that name files; inside a recipe they are relative to it.
_PATHS = ("sounds_path", "ir_path", "impulse_path")


@dataclass(frozen=True)
class AugmentOptions:
    """How to vary; see the command's help."""

    recipe: str
    effects: tuple[Effect, ...]
    copies: int = 1
    seed: int = 0
    segment_s: float = 60.0
    clip: str = "rescale"
    subtype: str | None = None


def recipe_names() -> list[str]:
    """Names of the shipped recipes.

    >>> recipe_names()
    ['music', 'notes', 'speech']
    """
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def read_recipe(spec: str) -> list[Effect]:
    """Read a recipe by name or from a TOML file.

    Raises:
        InputError: there is no such recipe, or the file is no TOML.
        ParameterError: an effect is unknown or a setting wrong.

    >>> [effect.use for effect in read_recipe("notes")][-1]
    'Gain'
    """
    from audiokit.dsp.effects.augment import Effect, make_transform

    path = RECIPES / f"{spec}.toml" if spec in recipe_names() else Path(spec)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = ", ".join(recipe_names())
        raise InputError(f"{spec}: no such recipe", hint=f"shipped recipes: {names}; or give a .toml file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{spec}: not a recipe ({error})") from None
    rows = data.get("effect")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and "use" in row for row in rows):
        raise ParameterError(
            f"{spec}: a recipe has at least one [[effect]] with a line: use = ...", hint='such as use = "Gain"'
        )
    effects = []
    for row in rows:
        settings = {key: value for key, value in row.items() if key != "use"}
        for key in _PATHS:
            if isinstance(settings.get(key), str):
                settings[key] = str(path.parent / settings[key])
        effect = Effect(str(row["use"]), settings)
        try:
            make_transform(effect)
        except ParameterError as error:
            raise ParameterError(f"{spec}: {error}", hint=error.hint) from None
        effects.append(effect)
    return effects


def augment_file(job: Job, *, options: AugmentOptions) -> dict[str, Any]:
    """Make the variations of one file: the task of the command."""
    targets = list(job.targets.values()) or [job.target]
    held = None
    if job.source == "-" and len(targets) > 1:
        raise UsageError("only one variation can be made of standard input", hint="leave out --copies")
    name = Path(job.source).name if job.source != "-" else "stdin"
    drawn, warnings = [], []
    for copy, target in enumerate(targets):
        report = _augment_one(job, target, name, copy, options)
        drawn.append(report["effects"])
        warnings += report["warnings"]
        held = report
    assert held is not None
    return {"seconds": held["seconds"], "copies": len(targets), "effects": drawn, "warnings": warnings}


def _augment_one(job: Job, target: str, name: str, copy: int, options: AugmentOptions) -> dict[str, Any]:
    from audiokit.dsp.effects.augment import augment, derive_seed

    draws: list[list[Draw]] = []

    def vary(number: int, y: np.ndarray, rate: int) -> np.ndarray:
        # The name decides, not the place in the batch: other files coming or going change nothing.
        seed = derive_seed(options.seed, name, copy, number)
        varied, drawn = augment(y, rate, options.effects, seed=seed)
        draws.append(drawn)
        return varied

    return _stream(job, target, vary, draws, options, {"copy": copy})


def _stream(
    job: Job, target: str, vary: Any, draws: list[list[Draw]], options: AugmentOptions, about: dict[str, Any]
) -> dict[str, Any]:
    """Vary a recording segment by segment, with cross-fades; most are one segment."""
    import tempfile

    import numpy as np

    from audiokit.dsp.effects.augment import FADE_S, join_segments

    with Reader(job.source) as reader:
        size = round(options.segment_s * reader.rate) if options.segment_s else 0
        fade = min(round(FADE_S * reader.rate), max(1, size - 1)) if size else 0
        # The draws belong into the header, and are known when everything is done.
        beside = Path(target).parent
        with tempfile.TemporaryFile(dir=beside if target != "-" and beside.is_dir() else None) as spool:
            held: np.ndarray | None = None
            for number, piece in enumerate(_segments(reader, size, fade)):
                varied = vary(number, piece, reader.rate)
                if number and varied.shape[1] != piece.shape[1]:
                    raise ParameterError(
                        "an effect of the recipe changes the length, which segments of a long file cannot do",
                        hint="add --segment 0 to treat each file as a whole (in memory)",
                    )
                varied = varied if held is None else join_segments(held, varied, min(fade, varied.shape[1]))
                done = max(0, varied.shape[1] - fade)
                spool.write(np.ascontiguousarray(varied[:, :done].T).tobytes())
                held = varied[:, done:]
            if held is not None:
                spool.write(np.ascontiguousarray(held.T).tobytes())
            effects = [[asdict(draw) for draw in segment] for segment in draws]
            history = [{**entry, **about, "effects": effects} for entry in job.history]
            writer = Writer(
                target, reader.rate, reader.channels, like=reader.info, subtype=options.subtype, history=history,
                clip=options.clip, force=job.force,
            )  # fmt: skip
            spool.seek(0)
            with writer:
                while data := spool.read(4 * reader.channels << 16):
                    writer.write(np.frombuffer(data, np.float32).reshape(-1, reader.channels).T)
    return {"seconds": round(writer.length / reader.rate, 3), "effects": effects, "warnings": writer.warnings}


def _segments(reader: Reader, size: int, fade: int) -> Iterator[np.ndarray]:
    """Pieces of `size` samples (everything for 0) that overlap by `fade`."""
    from audiokit.dsp.effects.cut import cut, even_spans

    if not size or (reader.length is not None and reader.length <= size):
        yield reader.read()
        return
    yield from (piece for _, piece in cut(reader.blocks(), even_spans(size, fade)))


def repeat_file(job: Job, *, like: str, options: AugmentOptions) -> dict[str, Any]:
    """Do to a file what was done when another file was made."""
    from audiokit.dsp.effects.augment import Draw, repeat
    from audiokit.io.audio import info

    entries = [entry for entry in info(like).history if entry.get("name") == "augment" and "effects" in entry]
    if not entries:
        raise InputError(f"{like}: was not made by augment, or its history is gone")
    draws = [[Draw.from_dict(fields) for fields in segment] for segment in entries[-1]["effects"]]

    def vary(number: int, y: np.ndarray, rate: int) -> np.ndarray:
        if number >= len(draws):
            raise InputError(f"{job.source}: is longer than what {like} was made of")
        return repeat(y, rate, draws[number])

    return _stream(job, job.target, vary, draws, options, {"copy": entries[-1].get("copy", 0)})


def augment_all(
    inputs: Sequence[str], out: str | None, options: AugmentOptions, *, batch: BatchOptions, like: str | None = None
) -> None:
    """Run `augment` over inputs."""
    from dataclasses import replace
    from functools import partial

    from audiokit.engine.batch import run

    recorded = {"recipe": options.recipe, "copies": options.copies, "segment_s": options.segment_s}
    if like is not None:
        task: Any = partial(repeat_file, like=like, options=options)
        run(task, inputs, out, batch=batch, command="augment", options={"like": like}, seed=options.seed)
        return
    parts = None
    if options.copies > 1:
        width = max(3, len(str(options.copies - 1)))
        parts = [f"{copy:0{width}d}" for copy in range(options.copies)]
        batch = batch if batch.name else replace(batch, name="{stem}_{part}.{ext}")
    recorded["effects"] = [asdict(effect) for effect in options.effects]
    run(
        partial(augment_file, options=options), inputs, out, batch=batch, command="augment", options=recorded,
        parts=parts, seed=options.seed,
    )  # fmt: skip
