"""Style transfer as the command does it: on arrays, audio files, chunk sets and streams, of any length.

Everything is read twice, through a temporary file, because the level that a model refers to and the loudness that
the result must keep are known only at the end. Memory does not grow with the length.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.errors import ParameterError, UsageError

if TYPE_CHECKING:
    from audiokit.engine.batch import Job
    from audiokit.models.style.stylizer import Stylizer

DEFAULT_MODEL = "piano-to-vibraphone"
_BLOCK = 1 << 16
#: Options that only the engine "optimize" looks at, and its name.
_OPTIMIZE = {"engine", "style", "features", "content", "iterations", "seed"}


@dataclass(frozen=True)
class StylizeOptions:
    """What `stylize` does.

    Attributes:
        model: shipped name, model folder, folder of official checkpoints, or checkpoint file.
        direction: "ab" as trained, "ba" the way back (models of `train cyclegan`).
        engine: "model", or "optimize" for no model at all but a recording of the style.
        style: that recording, for engine "optimize" as are the next four.
        features: "random", or a MelGAN discriminator (netD.pt, or a folder with it).
        content: weight of the input's own features.
        iterations: most steps per window.
        seed: of random features.
        say: report progress on standard error.
        strength: 0 nothing, 1 the full change.
        phase: "input" applies the change as a gain on the input's spectrum; "retrieve" finds new phases.
        preset: front-end of a checkpoint that says nothing about it.
        overlap: share of a window in common with the next.
        device: where the network runs.
        clip, subtype: as in `audiokit.io.audio.Writer`.
    """

    model: str = DEFAULT_MODEL
    direction: str = "ab"
    strength: float = 1.0
    phase: str = "input"
    preset: str = "cyclegan-music"
    overlap: float = 0.5
    device: str = "cpu"
    clip: str = "rescale"
    subtype: str | None = None
    engine: str = "model"
    style: str | None = None
    features: str = "random"
    content: float = 1.5
    iterations: int = 100
    seed: int = 0
    say: bool = False

    def recipe(self) -> dict[str, Any]:
        """Name what makes the result what it is: the options of the other engine, and talk, do not."""
        unused = {"say"} | (_OPTIMIZE if self.engine == "model" else {"model", "direction", "preset", "overlap"})
        return {key: value for key, value in asdict(self).items() if key not in unused}

    def check(self) -> None:
        """Refuse wrong values, and a model that is not there, before anything is read."""
        from audiokit.dsp.spectrum.presets import find_preset
        from audiokit.models.style.stylizer import PHASES
        from audiokit.optimizing import check_engine

        find_preset(self.preset)
        if self.phase not in PHASES:
            raise ParameterError(f"--phase {self.phase}: not one of {', '.join(PHASES)}")
        check_engine(self)
        make_stylizer(self)


def output_suffix(inputs: Sequence[str]) -> str:
    """Name what comes of the inputs: .wav for audio, .chunks for chunk sets.

    Raises:
        UsageError: both kinds together.

    >>> output_suffix(["-"])
    '.wav'
    """
    from audiokit.engine.batch import expand

    if "-" in inputs:
        return ".wav"
    kinds = {holds_chunks(path) for path, _ in expand(inputs, "either")}
    if len(kinds) > 1:
        raise UsageError("audio and chunk sets together", hint="give them to two commands")
    return ".chunks" if kinds == {True} else ".wav"


def stylize(
    y: np.ndarray,
    rate: int,
    *,
    model: str = DEFAULT_MODEL,
    direction: str = "ab",
    strength: float = 1.0,
    phase: str = "input",
    preset: str = "cyclegan-music",
    device: str = "cpu",
    engine: str = "model",
    style: str | None = None,
    features: str = "random",
    content: float = 1.5,
    iterations: int = 100,
    seed: int = 0,
) -> np.ndarray:
    """Transfer a style with a trained generator, or that of a recording; loudness, length and channels stay.

    Args:
        y: audio (C, T), float32.
        rate: Hz.
        model: shipped name, model folder, folder of official checkpoints, or checkpoint file.
        direction: "ab" as trained, "ba" the way back, for models that know it.
        strength: 0 (the input) to 1; between, a share of the change in dB.
        phase: "input" keeps the input's phases, "retrieve" finds new ones.
        preset: front-end of a checkpoint that says nothing about it.
        device: where the network runs.
        engine: "model", or "optimize" for the style of a recording without any model.
        style: that recording, a file.
        features: "random", or a MelGAN discriminator.
        content: weight of the input's own features against the style's.
        iterations: most steps of the optimisation per window.
        seed: of random features.

    Returns:
        Audio (C, T), float32.

    Raises:
        ModelError: there is no such model or direction.
        ParameterError: an option is out of range.

    >>> tone = 0.3 * np.sin(np.arange(22050, dtype=np.float32) * 0.1)[None]
    >>> stylize(tone, 22050, strength=0.5).shape
    (1, 22050)
    """
    options = StylizeOptions(
        model,
        direction,
        strength,
        phase,
        preset,
        device=device,
        engine=engine,
        style=style,
        features=features,
        content=content,
        iterations=iterations,
        seed=seed,
    )
    options.check()
    stylizer, _ = make_stylizer(options)
    if strength == 0:
        return y.astype(np.float32, copy=True)
    changed = stylizer(y, rate)
    return changed * np.float32(loudness_gain(iter([y]), iter([changed]), rate, y.shape[0]))


def make_stylizer(options: StylizeOptions) -> tuple[Stylizer, dict[str, Any]]:
    """Load the model and check the options; returns the stylizer and the model's card."""
    from audiokit.dsp.spectrum.presets import find_preset
    from audiokit.models.folder.checkpoint import pick_device
    from audiokit.models.style.style_models import load_style_model
    from audiokit.models.style.stylizer import Stylizer

    find_preset(options.preset)
    device = pick_device(options.device)
    if options.engine == "optimize":
        from audiokit.optimizing import OVERLAP, make_optimizer

        optimizer, card = make_optimizer(options)
        frontend = optimizer.features.frontend
        return Stylizer(optimizer, frontend, options.strength, options.phase, OVERLAP, device), card
    network, frontend, card = load_style_model(
        options.model, direction=options.direction, preset=options.preset, device=options.device
    )
    return Stylizer(network, frontend, options.strength, options.phase, options.overlap, device), card


def stylize_file(job: Job, *, options: StylizeOptions) -> dict[str, Any]:
    """Change one audio file, chunk set or stream."""
    from audiokit.stylizing_chunks import stylize_chunks

    if holds_chunks(job.source):
        return stylize_chunks(job, options)
    return _stylize_audio(job, options)


def holds_chunks(source: str) -> bool:
    """Tell whether a source is a chunk set; standard input is looked at without taking anything from it."""
    from audiokit.io.chunkset import is_chunks

    if source != "-":
        return is_chunks(source)
    beginning = sys.stdin.buffer.peek(512)  # type: ignore[union-attr]
    return beginning[257:262] == b"ustar"


def _stylize_audio(job: Job, options: StylizeOptions) -> dict[str, Any]:
    from audiokit.io.audio import Reader, Writer
    from audiokit.optimizing import Stopwatch

    stylizer, card = make_stylizer(options)
    watch = Stopwatch(stylizer.network)
    with ExitStack() as stack:
        reader = stack.enter_context(Reader(job.source))
        sound = stack.enter_context(Spool(reader.channels))
        for block in reader.blocks(_BLOCK):
            sound.write(block)
        changed = stack.enter_context(Spool(reader.channels))
        gain = change_sound(sound, changed, stylizer, reader.rate, strength=options.strength)
        writer = stack.enter_context(
            Writer(
                job.target,
                reader.rate,
                reader.channels,
                like=reader.info,
                subtype=options.subtype,
                history=job.history,
                clip=options.clip,
                force=job.force,
            )
        )
        for block in changed.blocks():
            writer.write(block * np.float32(gain))
    warnings = [] if sound.length else [f"{job.source}: holds no samples"]
    return {
        "seconds": round(sound.length / reader.rate, 6),
        "rate": reader.rate,
        "channels": reader.channels,
        "model": options.model if options.engine == "model" else None,
        "labels": card.get("labels"),
        "gain_db": round(float(20 * np.log10(gain)), 2),
        **watch.report(sound.length / reader.rate),
        "warnings": [*warnings, *writer.warnings],
    }


def change_sound(sound: Spool, changed: Spool, stylizer: Stylizer, rate: int, *, strength: float) -> float:
    """Write the changed sound to a spool; return the factor that gives it the loudness of the input."""
    peak, frames = stylizer.peak(sound.blocks(), rate)
    silent = peak <= 0 or strength == 0
    blocks = sound.blocks()
    for block in blocks if silent else stylizer.stream(blocks, rate, sound.channels, peak=peak, frames=frames):
        changed.write(block)
    if silent:
        return 1.0
    return loudness_gain(sound.blocks(), changed.blocks(), rate, sound.channels)


class Spool:
    """Audio (C, n) block by block in a temporary file, to be read as often as needed."""

    def __init__(self, channels: int) -> None:
        self.channels, self.length = channels, 0

    def __enter__(self) -> Spool:
        self._file = TemporaryFile()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, block: np.ndarray) -> None:
        """Append a block."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(block.T, np.float32).tobytes())
        self.length += block.shape[1]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield all blocks from the beginning."""
        size = 4 * self.channels
        for start in range(0, self.length, _BLOCK):
            self._file.seek(start * size)
            data = self._file.read(_BLOCK * size)
            yield np.ascontiguousarray(np.frombuffer(data, np.float32).reshape(-1, self.channels).T)


def loudness_gain(before: Iterator[np.ndarray], after: Iterator[np.ndarray], rate: int, channels: int) -> float:
    """Compute the factor that gives one sound the loudness of another: integrated, or RMS where that is undefined."""
    from audiokit.dsp.loudness.loudness import LOWEST_RATE, Meter

    readings = []
    for blocks in (before, after):
        meter = Meter(max(rate, LOWEST_RATE), channels)
        for block in blocks:
            meter.process(block)
        readings.append(meter.result())
    a, b = (reading.integrated_lufs for reading in readings)
    if rate < LOWEST_RATE or not np.isfinite([a, b]).all():
        a, b = (reading.rms_dbfs for reading in readings)
    return float(10 ** ((a - b) / 20)) if np.isfinite([a, b]).all() else 1.0
