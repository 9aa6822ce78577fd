"""`split`: stems from any mix, in memory that does not grow with the length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import words
from audiokit.engine.parts import Parts
from audiokit.engine.settings import FILES, Device, Segment
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options, stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.models.separation.separator import Separation
    from audiokit.models.separation.settings import Settings

_SPLEETER = ("engine", "auto", "spleeter")


def _choose(options: Options) -> tuple[Settings, list[str]]:
    """Check options against each other, and name the stems that they ask for."""
    from audiokit.models.separation.settings import PACKAGE, Settings, choose_stems

    model = options["model"]
    if options["engine"] == PACKAGE:
        from audiokit.models.separation.spleeter_package import find_program

        find_program()
    asked = Settings(
        engine=options["engine"],
        model=model if model is None or isinstance(model, str) else tuple(model) or None,
        high_band=options["high_band"],
        compat=options["compat"],
        mwf=options["mwf"],
        residual=options["residual"],
        segment_s=options["segment"],
        device=options["device"],
        quality=options["quality"],
    )
    return choose_stems(asked, options["stems"], options["stem"])


def _check(options: Options) -> None:
    _choose(options)


def _names(options: Options) -> Sequence[str]:
    return _choose(options)[1]


def _remarks(options: Options) -> Sequence[str]:
    from audiokit.models.separation.choice import remark
    from audiokit.models.separation.settings import asked_for

    settings, _ = _choose(options)
    return [remark(settings.models[0], asked_for(settings))] if settings.chosen else []


def _models(options: Options) -> Sequence[str]:
    return _choose(options)[0].models


@stage(reads=Sound, writes=(Parts, Sound), check=_check, names=_names, remarks=_remarks, models=_models)
def split(
    sound: Sound,
    *,
    stems: Annotated[
        Sequence[str] | str | None,
        Option("Only these stems (default: all the model knows).", metavar="A,B,...", parse=words),
    ] = None,
    stem: Annotated[str | None, Option("Only this stem, as one file or on -.", metavar="NAME")] = None,
    engine: Annotated[
        Literal["auto", "spleeter", "repet", "hpss", "center", "demucs", "spleeter-package"],
        Option(
            "How to separate: by a model (auto), repetition, harmonic/percussive, centre, or the programs of others: "
            "Demucs, Spleeter's own package."
        ),
    ] = "auto",
    model: Annotated[
        list[str] | str | None,
        Option(
            "A model by name or folder; several are averaged. By default the best that is here for the stems.",
            metavar="NAME|FOLDER",
            when=("engine", "auto", "spleeter", "demucs", "spleeter-package"),
        ),
    ] = None,
    residual: Annotated[bool, Option("Also write what the stems leave: together they are the mix, exactly.")] = False,
    high_band: Annotated[
        Literal["average", "zero", "mix"] | None,
        Option(
            "Above the band of a Spleeter model: the mask's average, nothing, or all to the last stem.", when=_SPLEETER
        ),
    ] = None,
    mwf: Annotated[
        bool, Option("Refine a Spleeter model by a multichannel Wiener filter.", when=(*_SPLEETER, "spleeter-package"))
    ] = False,
    compat: Annotated[
        bool, Option("Exactly Spleeter's numbers, with its seams and its 11 kHz.", when=_SPLEETER)
    ] = False,
    quality: Annotated[
        Literal["best", "fast"],
        Option(
            "best: the best model here, the built-in one at two speeds and with REPET; fast: the built-in model alone.",
            when=("engine", "auto"),
        ),
    ] = "best",
    segment: Segment = "30s",
    format: Annotated[
        str, Option("Format of files named here.", metavar="wav|flac|...", recorded=False, group=FILES)
    ] = "wav",
    device: Device = "auto",
) -> Parts | Sound:
    """Separate a mix into stems.

    Vocals and accompaniment, or what the model knows. Works offline with a small built-in model; those that
    'audiokit models pull' fetches separate much better, and the best that is here is used by itself.

    Examples:
        audiokit split song.mp3 -o stems/
        audiokit split song.mp3 --stem vocals -o vocals.wav
        audiokit split songs/ -o stems/ --model spleeter-4stems --jobs 2
        audiokit split song.mp3 -o stems/ --model melband-roformer-kim --model bs-roformer-viperx
        audiokit split song.wav --stem vocals -o - | audiokit denoise - -o vocals.wav

    Returns:
        The stems by name, as long as the mix, at its rate and channels (two in compat mode); the sound alone where
        `stem` asks for one. Where an engine's stems are complete, they add up to the mix: exactly, in the integers (of
        up to 24 bits) of the files that are written together, unless one is turned down to fit them.

    Raises:
        ParameterError: a stem that the engine does not know, or options that exclude each other.
        ModelError: the model is unknown or not for this.
        MissingExtraError: the engine needs an optional package or program.

    References:
        Hennequin et al. (2020), Spleeter; Rafii and Pardo (2012), Music/voice separation using the similarity matrix;
        Fitzgerald (2010), Harmonic/percussive separation using median filtering; Rouard, Massa and Défossez (2023),
        Hybrid transformers for music source separation; Wang, Lu and Won (2023), Mel-Band RoFormer for music source
        separation; Kim et al. (2021), KUIELab-MDX-Net.

    >>> import numpy as np
    >>> found = split(np.zeros((1, 800), np.float32), 8000, engine="center")
    >>> sorted(found), found["vocals"].shape
    (['accompaniment', 'vocals'], (1, 800))
    >>> split(np.zeros((1, 800), np.float32), 8000, engine="center", stem="vocals").shape
    (1, 800)
    """
    from audiokit.models.separation.separator import Separation, grid_of

    settings, names = _choose({**locals()})
    separation = Separation(settings, sound.rate, sound.channels)
    notes = Notes()
    if settings.chosen:
        notes.details["model"] = settings.model
    if stem is not None and len(names) == 1:
        return sound.derive(lambda: _one(separation, sound, names[0], notes), channels=separation.channels, notes=notes)

    def tell_bits(bits: int | None) -> None:
        separation.grid = grid_of(bits)

    parts = Parts.together(
        sound, names, lambda: separation.run(sound.blocks()), channels=separation.channels, notes=notes
    )
    if separation.whole:
        parts.tell_bits = tell_bits
    return parts


def _one(separation: Separation, sound: Sound, name: str, notes: Notes) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks of one stem, and report its peak as that of several is reported."""
    import numpy as np

    peak = 0.0
    for blocks in separation.run(sound.blocks()):
        y = blocks[name]
        peak = max(peak, float(np.abs(y).max(initial=0)))
        yield y
    notes.report["peaks"] = {name: round(peak, 5)}
