"""`morph`: blend one clip into another, at one point or along time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from audiokit.dsp.voice.pitch import PitchTracker, check_tracker
from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.settings import PITCH
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options, stage
from audiokit.errors import ParameterError


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
    is as long as the longer clip. Both clips are held in memory.

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
    from audiokit.dsp.effects.morph import choose_engine
    from audiokit.dsp.effects.morph import morph as blend
    from audiokit.dsp.loudness.mix import spread

    points: Any = amount if curve is None else parse_curve(curve) if isinstance(curve, str) else curve
    first, second = clips
    rate = first.rate
    notes = Notes()
    if second.rate != rate:
        notes.warnings.append(f"{second.name}: resampled from {second.rate} to {rate} Hz")
    a, b = first.samples, second.at(rate).samples
    channels = max(a.shape[0], b.shape[0])
    a, b = spread(a, channels), spread(b, channels)
    chosen = choose_engine(a, b, rate, tracker=pitch_tracker) if engine == "auto" and a.size and b.size else engine
    if chosen == "latent":
        from audiokit.models.notes.morphing import morph_latent

        y = morph_latent(a, b, rate, amount=points, model=model)
    else:
        y = blend(a, b, rate, amount=points, align=align, engine=chosen, tracker=pitch_tracker)
    notes.report["engine"] = chosen
    notes.details["chosen"] = chosen
    return first.derive(lambda: iter([y]), channels=channels, length=y.shape[1], notes=notes)
