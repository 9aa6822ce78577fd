"""`audiokit train mel2linear`: the network that `invert` uses for mel bands, for any front-end."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from audiokit.engine.options import Inputs
from audiokit.training.engine.options import RunOptions, run_options

NFft = Annotated[int | None, typer.Option("--n-fft", min=2, help="Frame length in samples (default: 2048).")]
Hop = Annotated[int | None, typer.Option(min=1, help="Step between frames in samples.")]
NMels = Annotated[int | None, typer.Option("--n-mels", min=1, help="Number of mel bands (default: 128).")]
Fmin = Annotated[float | None, typer.Option(min=0, help="Lowest mel frequency in Hz (default: 0).")]
Fmax = Annotated[float | None, typer.Option(min=0, help="Highest mel frequency in Hz (default: half the rate).")]


@run_options
def mel2linear(
    inputs: Inputs,
    held_out: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Audio, or a folder of it, to measure on; repeatable."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Front-end, as in spectro (default: spectro's mel bands).")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, help="Sample rate in Hz (default: the preset's, or 22050).")
    ] = None,
    n_fft: NFft = None,
    hop: Hop = None,
    n_mels: NMels = None,
    fmin: Fmin = None,
    fmax: Fmax = None,
    width: Annotated[int, typer.Option(min=1, help="Channels of the network.")] = 256,
    depth: Annotated[int, typer.Option(min=1, help="Blocks of the network.")] = 5,
    batch: Annotated[int, typer.Option(min=1, help="Crops per step.")] = 16,
    frames: Annotated[int, typer.Option(min=8, help="Frames per crop.")] = 64,
    learning_rate: Annotated[float, typer.Option(min=0, help="Highest learning rate.")] = 2e-3,
    *,
    run: RunOptions,
) -> None:
    """Train a mel inverter on any folder of audio.

    The model is OUT/model; samples to hear are in OUT. Speech, singing and instruments together make an inverter for
    all of them.

    \b
    Examples:
      audiokit train mel2linear speech/ songs/ --held-out test/ --preset melgan -o runs/mel --minutes 30
      audiokit invert talk.chunks --model runs/mel/model -o talk.wav
    """
    from audiokit.dsp.spectrum.choice import make_transform
    from audiokit.training.sound.mel2linear import Mel2LinearSettings, train_mel2linear

    wanted: dict[str, Any] = {"n_fft": n_fft, "hop": hop, "n_mels": n_mels, "fmin": fmin, "fmax": fmax, "rate": rate}
    wanted |= {"kind": "mel"} if preset is None else {"preset": preset}
    transform = make_transform(wanted, rate or 22_050)
    settings = Mel2LinearSettings(width, depth, batch, frames, learning_rate)
    train_mel2linear(inputs, held_out or [], transform, settings, run=run)
