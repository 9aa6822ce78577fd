"""`stylize`: style transfer with a trained generator, with the style of one recording, or by the groove alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import front_end
from audiokit.engine.settings import Device, Seed
from audiokit.engine.sound import Sound, Source
from audiokit.engine.stage import Options, stage
from audiokit.errors import UsageError

if TYPE_CHECKING:
    from audiokit.models.style.stylizer import Stylizer

DEFAULT_MODEL = "piano-to-vibraphone"
_MODEL, _OPTIMIZE, _GROOVE = ("engine", "model"), ("engine", "optimize"), ("engine", "groove")
_SPECTRAL = ("engine", "model", "optimize")
#: Share of a window in common with the next, of trained models.
_OVERLAP = 0.5


def _check(options: Options) -> None:
    """Refuse options that do not go together, and a model that is not there, before anything is read."""
    if options["engine"] == "groove":
        if options["accents"] is not None and options["style"] is None:
            raise UsageError(
                "--accents is a share of the accents of --style, and there is none",
                hint="audiokit stylize SONG --engine groove --style OTHER --accents 0.5 -o OUT",
            )
        return
    if options["engine"] == "optimize" and options["style"] is None:
        raise UsageError(
            "--engine optimize needs --style",
            hint="audiokit stylize CONTENT --engine optimize --style STYLE -o OUT",
        )
    make_stylizer(options)


def _models(options: Options) -> Sequence[str]:
    return [options["model"]] if options["engine"] == "model" else []


@stage(reads=(Sound, Chunks), writes=(Sound, Chunks), check=_check, twice=True, models=_models)
def stylize(
    flow: Sound | Chunks,
    *,
    model: Annotated[
        str,
        Option("A model by name, its folder, or an official checkpoint.", metavar="NAME|FOLDER|FILE", when=_MODEL),
    ] = DEFAULT_MODEL,
    direction: Annotated[
        Literal["ab", "ba"], Option("The way the model was trained, or the way back (G_A or G_B).", when=_MODEL)
    ] = "ab",
    strength: Annotated[float, Option("Share of the change, in dB or in time.", min=0, max=1)] = 1.0,
    phase: Annotated[
        Literal["input", "retrieve"], Option("Keep the phases of the input, or find new ones.", when=_SPECTRAL)
    ] = "input",
    preset: Annotated[
        str,
        Option(
            "Front-end of an official checkpoint, which does not say it itself.",
            metavar="NAME",
            parse=front_end,
            when=_MODEL,
        ),
    ] = "cyclegan-music",
    engine: Annotated[
        Literal["model", "optimize", "groove"],
        Option("A trained model; or none: the sound of one recording, or only when things are played."),
    ] = "model",
    style: Annotated[
        Source | None,
        Option(
            "The recording whose sound (optimize) or off-beats and accents (groove) it takes.",
            when=(*_OPTIMIZE, "groove"),
        ),
    ] = None,
    swing: Annotated[
        float,
        Option("Where off-beats go, in % of the beat: 50 straight, 66 triplets.", min=50, max=75, when=_GROOVE),
    ] = 66.0,
    accents: Annotated[
        float | None,
        Option("Share of the accents of --style that is taken (default: 1).", min=0, max=1, when=_GROOVE),
    ] = None,
    track_bpm: Annotated[
        float | None, Option("The track's tempo, about, when it is known.", min=20, max=400, when=_GROOVE)
    ] = None,
    features: Annotated[
        str, Option("What it compares: drawn filters, or MelGAN's netD.pt.", metavar="random|FOLDER", when=_OPTIMIZE)
    ] = "random",
    content: Annotated[float, Option("How much it holds on to the input.", min=0, when=_OPTIMIZE)] = 1.5,
    iterations: Annotated[
        int, Option("Most steps per window; it stops where nothing is won.", min=1, when=_OPTIMIZE)
    ] = 100,
    seed: Seed = 0,
    device: Device = "auto",
) -> Sound | Chunks:
    """Transfer a style with a trained generator.

    Or with none: from one recording (--engine optimize), or by making the eighths of any song swing (--engine groove).
    Audio gives audio of the same length, rate, channels and loudness; a chunk set gives a chunk set of the same kind.

    Examples:
        audiokit stylize piano.wav -o vibraphone.wav
        audiokit stylize songs/ -o styled/ --model runs/jazz --strength 0.7
        audiokit stylize song.wav -o jazz.wav --model checkpoints/latest_net_G_A.pth
        audiokit stylize song.wav --engine optimize --style other.wav -o restyled.wav
        audiokit stylize song.wav --engine groove --swing 66 -o swung.wav
        audiokit spectro song.wav -o - | audiokit stylize - -o - | audiokit invert - -o styled.wav

    Returns:
        A sound like the input's, or a chunk set like it.

    Raises:
        ModelError: there is no such model or direction.
        ParameterError, UsageError: an option is out of range, or does not go with another.
        InputError: a chunk set that the model cannot see; no beats are found to swing.

    >>> import numpy as np
    >>> tone = 0.3 * np.sin(np.arange(22050, dtype=np.float32) * 0.1)[None]
    >>> stylize(tone, 22050, strength=0.5).shape
    (1, 22050)
    """
    options = dict(locals())
    if engine == "groove":
        from audiokit.stages.stylize.groove import change_groove

        return change_groove(flow, options)
    stylizer, card = make_stylizer(options)
    notes = Notes()
    notes.report |= {"model": model if engine == "model" else None, "labels": card.get("labels")}
    if isinstance(flow, Chunks):
        from audiokit.stages.stylize.chunks import change_chunks

        return change_chunks(flow, stylizer, notes)
    from audiokit.stages.stylize.audio import change_sound

    return change_sound(flow, stylizer, notes)


def make_stylizer(options: Options) -> tuple[Stylizer, dict[str, Any]]:
    """Load the model, or measure the style; returns the stylizer and the model's card."""
    from audiokit.dsp.effects.ensemble import Ensemble
    from audiokit.models.style.style_models import load_style_model
    from audiokit.models.style.stylizer import Stylizer

    strength, phase = options["strength"], options["phase"]
    if options["engine"] == "optimize":
        from audiokit.models.folder.checkpoint import pick_device
        from audiokit.stages.stylize.optimize import OVERLAP, make_optimizer

        optimizer, card = make_optimizer(options, pick_device(options["device"]))
        return Stylizer(optimizer, optimizer.features.frontend, strength, phase, OVERLAP), card
    network, frontend, card = load_style_model(
        options["model"], direction=options["direction"], preset=options["preset"], device=options["device"]
    )
    ensemble = Ensemble.from_dict(card["ensemble"]) if "ensemble" in card else None
    return Stylizer(network, frontend, strength, phase, _OVERLAP, ensemble), card
