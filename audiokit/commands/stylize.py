"""`audiokit stylize`: style transfer with a trained generator."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.options import BatchOptions, Clip, Device, Inputs, Out, Subtype, batch_options


@batch_options
def stylize(
    inputs: Inputs,
    out: Out = None,
    model: Annotated[
        str, typer.Option(metavar="NAME|FOLDER|FILE", help="A model by name, its folder, or an official checkpoint.")
    ] = "piano-to-vibraphone",
    direction: Annotated[
        str, typer.Option(metavar="ab|ba", help="The way the model was trained, or the way back (G_A or G_B).")
    ] = "ab",
    strength: Annotated[float, typer.Option(min=0, max=1, help="Share of the change, in dB.")] = 1.0,
    phase: Annotated[
        str, typer.Option(metavar="input|retrieve", help="Keep the phases of the input, or find new ones.")
    ] = "input",
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="Front-end of an official checkpoint, which does not say it itself.")
    ] = "cyclegan-music",
    device: Device = "cpu",
    clip: Clip = "rescale",
    subtype: Subtype = None,
    *,
    batch: BatchOptions,
) -> None:
    """Transfer a style with a trained generator.

    Audio gives audio of the same length, rate, channels and loudness; a chunk set gives a chunk set of the same kind.

    \b
    Examples:
      audiokit stylize piano.wav -o vibraphone.wav
      audiokit stylize songs/ -o styled/ --model runs/jazz --strength 0.7
      audiokit stylize song.wav -o jazz.wav --model checkpoints/latest_net_G_A.pth
      audiokit spectro song.wav -o - | audiokit stylize - -o - | audiokit invert - -o styled.wav
    """
    from dataclasses import asdict
    from functools import partial

    from audiokit.batch import run
    from audiokit.stylizing import StylizeOptions, output_suffix, stylize_file

    options = StylizeOptions(model, direction, strength, phase, preset, device=device, clip=clip, subtype=subtype)
    options.check()
    task = partial(stylize_file, options=options)
    suffix = output_suffix(inputs)
    run(task, inputs, out, batch=batch, command="stylize", options=asdict(options), ext=suffix, accept="either")
