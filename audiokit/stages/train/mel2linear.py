"""`train mel2linear`: the network that `invert` uses for mel bands, for any front-end."""

from __future__ import annotations

from typing import Annotated, Any

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.engine.settings import Rate
from audiokit.engine.spectral import Fmax, Fmin, Hop, NFft, NMels, Preset
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import Mel2LinearSettings


@command()
def mel2linear(
    inputs: Annotated[list[str], Argument("Files, and folders that are searched through.", "INPUT...")],
    *,
    held_out: Annotated[
        list[str] | None, Option("Audio, or a folder of it, to measure on; repeatable.", metavar="PATH")
    ] = None,
    preset: Preset = None,
    rate: Rate = None,
    n_fft: NFft = None,
    hop: Hop = None,
    n_mels: NMels = None,
    fmin: Fmin = None,
    fmax: Fmax = None,
    settings: Mel2LinearSettings,
    run: RunOptions,
) -> None:
    """Train a mel inverter on any folder of audio.

    The model is OUT/model; samples to hear are in OUT. Speech, singing and instruments together make an inverter for
    all of them. The front-end is a preset's, or spectro's mel bands at 22050 Hz.

    Examples:
        audiokit train mel2linear speech/ songs/ --held-out test/ --preset melgan -o runs/mel --minutes 30
        audiokit invert talk.chunks --model runs/mel/model -o talk.wav
    """
    from audiokit.dsp.spectrum.choice import make_transform
    from audiokit.training.sound.mel2linear import train_mel2linear

    wanted: dict[str, Any] = {"n_fft": n_fft, "hop": hop, "n_mels": n_mels, "fmin": fmin, "fmax": fmax, "rate": rate}
    wanted |= {"kind": "mel"} if preset is None else {"preset": preset}
    transform = make_transform(wanted, rate or 22_050)
    train_mel2linear(inputs, held_out or [], transform, settings, run=run)
