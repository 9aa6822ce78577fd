"""`denoise`: remove noise without making anything worse, in memory that does not grow with the length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.settings import MODEL, Device
from audiokit.engine.sound import Sound, Source
from audiokit.engine.stage import Options, stage
from audiokit.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.models.voice.auto_denoiser import Denoising

#: Engines that take a profile of the noise.
_PLAIN = ("engine", "auto", "wiener", "gate", "mask")


def _check(options: Options) -> None:
    """Refuse a model or a noise that is not there."""
    model, noise = options["model"], options["noise"]
    if model is not None:
        from audiokit.models.folder.checkpoint import find_for

        find_for(model, "denoise")  # what cannot be used is an error even where no speech asks for the model
    if isinstance(noise, str) and not Path(noise).exists():
        raise InputError(f"{noise}: no such file")


def _models(options: Options) -> Sequence[str]:
    return [options["model"] or "denoiser"] if options["engine"] in ("auto", "neural") else []


@stage(reads=Sound, writes=Sound, check=_check, models=_models)
def denoise(
    sound: Sound,
    *,
    engine: Annotated[
        Literal["auto", "wiener", "gate", "mask", "neural"],
        Option("auto: the network for speech, the plain Wiener engine for music or with --noise."),
    ] = "auto",
    content: Annotated[
        Literal["auto", "speech", "music"], Option("What to protect; auto listens to the first 20 s.")
    ] = "auto",
    strength: Annotated[float, Option("Share of the noise reduction to apply.", min=0, max=1)] = 1.0,
    noise: Annotated[Source | None, Option("A recording of the noise alone.", when=_PLAIN)] = None,
    threshold: Annotated[
        float | None,
        Option(
            "mask: drop what is below this level in dBFS; gate: open this far above the noise, in dB.",
            when=("engine", "mask", "gate"),
            min=-200,
            max=200,
        ),
    ] = None,
    hard: Annotated[
        bool, Option("All or nothing per bin, artefacts included, for comparison.", when=("engine", "mask"))
    ] = False,
    model: Annotated[str | None, MODEL._replace(when=("engine", "auto", "neural"))] = None,
    device: Device = "auto",
) -> Sound:
    """Remove noise without making anything worse.

    In time with the input, at its rate and channels, and never more than it helps.

    Examples:
        audiokit denoise interview.wav -o clean.wav
        audiokit denoise field/ -o field-clean/ --engine wiener --noise roomtone.wav
        audiokit denoise song.flac -o quieter.flac --content music --strength 0.5
        audiokit split song.mp3 --stem vocals -o - | audiokit denoise - -o - | audiokit normalize - -o vocals.wav

    Returns:
        The sound without its noise; channels share every gain.

    Raises:
        ParameterError, UsageError: options that make no sense together.
        InputError: the recording of the noise is silent, or of a lower rate.
        ModelError: the model is no denoiser.

    References:
        Cohen and Berdugo (2001), Speech enhancement for non-stationary noise environments (OM-LSA); Rong et al.
        (2024), GTCRN: a speech enhancement model requiring ultralow computational resources.

    >>> import numpy as np
    >>> denoise(np.zeros((2, 4000), np.float32), 16_000, engine="wiener").shape
    (2, 4000)
    """
    from audiokit.models.voice.auto_denoiser import AutoDenoiser

    how = _how(dict(locals()))
    profile = None if noise is None else _profile(Sound.open(noise), sound.rate)
    AutoDenoiser(how, channels=sound.channels, rate=sound.rate, noise=profile)
    notes = Notes()

    def blocks() -> Iterator[NDArray[np.float32]]:
        denoiser = AutoDenoiser(how, channels=sound.channels, rate=sound.rate, noise=profile)
        before = after = 0.0
        for block in sound.blocks():
            before += _energy(block)
            done = denoiser.push(block)
            after += _energy(done)
            yield done
        done = denoiser.finish()
        after += _energy(done)
        yield done
        choice = denoiser.choice
        assert choice is not None
        change = 10 * math.log10(after / before) if before > 0 and after > 0 else 0.0
        notes.report |= {"engine": choice.engine, "content": choice.content, "change_db": round(change, 2)}
        if choice.warning and choice.warning not in notes.warnings:
            notes.warnings.append(choice.warning)

    return sound.derive(blocks, notes=notes)


def _how(options: dict[str, Any]) -> Denoising:
    from audiokit.models.voice.auto_denoiser import Denoising

    names = ("engine", "content", "strength", "model", "hard", "device")
    return Denoising(**{name: options[name] for name in names}, threshold_db=options["threshold"])


def _energy(block: NDArray[np.float32]) -> float:
    import numpy as np

    return float(np.sum(np.square(block, dtype=np.float64)))


def _profile(noise: Sound, rate: int) -> NDArray[np.float32]:
    """Read a recording of the noise alone at the rate of the audio (InputError if it says nothing)."""
    if noise.rate < rate * 0.9:
        raise InputError(
            f"{noise.name}: {noise.rate} Hz says nothing about the upper bands of audio at {rate} Hz",
            hint="record the noise at the rate of the audio",
        )
    y = noise.at(rate).samples
    if not y.any():
        raise InputError(
            f"{noise.name}: silent, so there is no noise profile in it", hint="give a recording of the noise"
        )
    return y
