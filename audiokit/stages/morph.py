"""`morph`: blend one clip into another, at one point or along time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.dsp.voice.pitch import PitchTracker, check_tracker
from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.settings import PITCH
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options, stage
from audiokit.errors import InputError, ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.dsp.effects.passing import Passing
    from audiokit.dsp.spectrum.samples import Samples, Wave


def parse_curve(text: str, name: str = "--curve") -> list[tuple[float, float]]:
    """Read a curve: amounts with commas, evenly spaced, or PLACE:AMOUNT pairs with places from 0 to 1 (or percent).

    Raises:
        ParameterError: it is neither.

    >>> parse_curve("0,1"), parse_curve("0:0, 30%:0, 1:1")
    ([(0.0, 0.0), (1.0, 1.0)], [(0.0, 0.0), (0.3, 0.0), (1.0, 1.0)])
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        if ":" in text:
            pairs = [part.split(":") for part in parts]
            return [(_share(place), _share(value)) for place, value in pairs]
        values = [_share(part) for part in parts]
    except ValueError:
        values = []
    if len(values) < 2:
        raise ParameterError(f"{name} {text!r}: not a curve", hint="for example 0,1 or 0:0,30%:0,1:1")
    return [(k / (len(values) - 1), value) for k, value in enumerate(values)]


def _share(text: str) -> float:
    return float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)


def _check(options: Options) -> None:
    """Refuse a pitch tracker that is not installed."""
    check_tracker(options["pitch_tracker"])


@stage(reads=Sound, writes=Sound, many=True, count=2, check=_check)
def morph(
    clips: Sequence[Sound],
    *,
    amount: Annotated[float, Option("How far from A to B.", min=0, max=1)] = 0.5,
    curve: Annotated[
        str | Sequence[tuple[float, float]] | None,
        Option(
            "Amounts along time, evenly spaced, or PLACE:AMOUNT such as 0:0,30%:0,1:1.",
            metavar="0,1",
            parse=parse_curve,
        ),
    ] = None,
    align: Annotated[
        bool,
        Option(
            "Bring alike moments together first (dynamic time warping).",
            when=("engine", "auto", "world", "transport", "fade"),
        ),
    ] = False,
    engine: Annotated[
        Literal["auto", "world", "transport", "latent", "fade"],
        Option(
            "Voices and notes; noises, drums and textures; a new sound from between two in a network's latents; or"
            " a plain cross-fade, for comparison."
        ),
    ] = "auto",
    model: Annotated[
        str | None,
        Option(
            "A note model (the shipped one by default) or a DCGAN.", metavar="NAME|FOLDER", when=("engine", "latent")
        ),
    ] = None,
    pitch_tracker: Annotated[PitchTracker, PITCH._replace(when=("engine", "auto", "world"))] = "world",
) -> Sound:
    """Blend one clip into another, at one point or along time.

    Pitch and timbre travel, instead of one fading while the other comes. The result has A's rate; without --align it
    is as long as the longer clip. Clips may be of any length, but for a DCGAN, which holds both in memory.

    Examples:
        audiokit morph flute.wav trumpet.wav -o between.wav --amount 0.5
        audiokit morph rain.wav crowd.wav -o turning.wav --curve 0,1
        audiokit morph take1.wav take2.wav -o blend.wav --align --amount 0.3
        audiokit morph flute.wav bell.wav -o new.wav --engine latent --model runs/dcgan

    Returns:
        The morph; amounts 0 and 1 give A and B as they are.

    Raises:
        ParameterError: an amount outside 0 to 1, or no curve.
        InputError: a clip is empty.
        ModelError: the model is unknown or has no encoder.
        MissingExtraError: the pitch tracker's extra is not installed.

    >>> import numpy as np
    >>> t = np.arange(11_025) / 22_050
    >>> low, high = (0.5 * np.sin(2 * np.pi * hz * t)[None].astype(np.float32) for hz in (220, 330))
    >>> morph([low, high], 22_050, amount=0.5).shape
    (1, 11025)
    """
    from audiokit.dsp.effects.choice import engine_of_passing
    from audiokit.dsp.effects.curve import check_amount

    points = check_amount(amount if curve is None else parse_curve(curve) if isinstance(curve, str) else curve)
    notes = Notes()
    if clips[1].rate != clips[0].rate:
        notes.warnings.append(f"{clips[1].name}: resampled from {clips[1].rate} to {clips[0].rate} Hz")
    pair = _Pair(clips)
    if not all(pair.lengths):
        raise InputError("there is nothing to morph: a sound is empty")
    chosen: str = engine
    if engine == "auto":
        chosen = engine_of_passing(*pair.passing(), pair.rate, lengths=pair.lengths, tracker=pitch_tracker)
    notes.report["engine"] = notes.details["chosen"] = chosen
    blocks, length = _blended(pair, points, chosen, align, model, pitch_tracker)
    return clips[0].derive(blocks, channels=pair.channels, length=length, notes=notes)


#: Samples that are handed on at once.
_BLOCK = 1 << 18


class _Pair:
    """Both clips at the first one's rate and with as many channels, to be read as often as needed."""

    def __init__(self, clips: Sequence[Sound]) -> None:
        self.rate, self.channels = clips[0].rate, max(clip.channels for clip in clips)
        self._clips = [clip.at(self.rate).replay() for clip in clips]
        self.lengths = _length(self._clips[0]), _length(self._clips[1])

    def blocks(self, side: int) -> Iterator[NDArray[np.float32]]:
        """Yield one of them (C, n) from its start."""
        from audiokit.dsp.loudness.mix import spread

        return (spread(block, self.channels) for block in self._clips[side].blocks())

    def passing(self) -> tuple[Passing, Passing]:
        """Both of them, to be read once."""
        from audiokit.dsp.effects.passing import Passing

        return Passing(self.blocks(0), self.channels), Passing(self.blocks(1), self.channels)

    def wave(self, side: int) -> tuple[Wave, int]:
        """One of them with its channels averaged (T,), of which parts are taken, at a rate that WORLD takes, in Hz."""
        from audiokit.dsp.effects.choice import world_rate
        from audiokit.dsp.spectrum.samples import Line
        from audiokit.engine.spool import at_hand
        from audiokit.io.means import averaged
        from audiokit.io.reader import resampled

        inner, name = world_rate(self.rate), self._clips[side].name
        mono = resampled(map(averaged, self.blocks(side)), self.rate, inner, 1, name=name)
        return Line(at_hand(mono, channels=1)), inner

    def at_hand(self) -> tuple[Samples, Samples]:
        """Both of them (C, T), of which parts are taken."""
        from audiokit.engine.spool import at_hand

        return at_hand(self.blocks(0), channels=self.channels), at_hand(self.blocks(1), channels=self.channels)


def _length(clip: Sound) -> int:
    """Samples of a sound; where its source may promise more than it decodes to, they are counted."""
    if clip.length is not None and not clip.info.lossy:
        return clip.length
    return sum(block.shape[1] for block in clip.blocks())


def _blended(
    pair: _Pair, points: list[tuple[float, float]], engine: str, align: bool, model: str | None, tracker: str
) -> tuple[Callable[[], Iterator[NDArray[np.float32]]], int]:
    """The blocks of a morph, made as they are read, and its length."""
    from audiokit.dsp.effects.morph import morph_passing

    first: Callable[[], Iterator[NDArray[np.float32]]] = partial(pair.blocks, 0)
    second: Callable[[], Iterator[NDArray[np.float32]]] = partial(pair.blocks, 1)
    values = {value for _, value in points}
    if values in ({0.0}, {1.0}):
        return (second, pair.lengths[1]) if 1.0 in values else (first, pair.lengths[0])
    if engine == "latent":
        return _latent(pair, points, model)
    if engine == "world":
        from audiokit.dsp.effects.world_morph import Side, morph_by_world

        (low, inner), (high, _) = pair.wave(0), pair.wave(1)
        sides = Side(low, first, pair.lengths[0]), Side(high, second, pair.lengths[1])
        return morph_by_world(
            *sides, inner, pair.rate, points=points, align=align, tracker=tracker, channels=pair.channels
        )
    length = max(pair.lengths)
    if align:
        first, second, length = _aligned(pair, points)
    how: dict[str, Any] = {"engine": engine, "channels": pair.channels, "length": length}
    return lambda: morph_passing(first, second, pair.rate, amount=points, **how), length


def _latent(
    pair: _Pair, points: list[tuple[float, float]], model: str | None
) -> tuple[Callable[[], Iterator[NDArray[np.float32]]], int]:
    """The blocks of what a network makes, and its length."""
    import numpy as np

    from audiokit.dsp.spectrum.samples import Line
    from audiokit.engine.spool import at_hand
    from audiokit.models.notes.morphing import between_latents

    def keep(blocks: Iterable[NDArray[np.float32]]) -> Wave:
        return Line(at_hand((block[None] for block in blocks), channels=1))

    made, gain = between_latents(*pair.at_hand(), pair.rate, points, model=model, keep=keep)

    def blocks() -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(made), _BLOCK):
            yield np.tile(made[start : start + _BLOCK] * np.float32(gain), (pair.channels, 1))

    return blocks, len(made)


def _aligned(
    pair: _Pair, points: list[tuple[float, float]]
) -> tuple[Callable[[], Iterator[NDArray[np.float32]]], Callable[[], Iterator[NDArray[np.float32]]], int]:
    """Both clips with alike moments together, to be read as often as needed, and their length."""
    from audiokit.dsp.effects.alignment import in_step
    from audiokit.dsp.spectrum.samples import blocks_of
    from audiokit.engine.spool import at_hand

    *sides, length = in_step(*pair.at_hand(), pair.rate, points)
    first, second = (at_hand(side(), channels=pair.channels) for side in sides)
    return partial(blocks_of, first), partial(blocks_of, second), length
