"""`audiokit stylize`: style transfer with a trained generator, or with the style of one recording."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Clip, Device, Inputs, Out, Seed, Subtype, batch_options


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
    engine: Annotated[
        str, typer.Option(metavar="model|optimize", help="A trained model, or none: the style of one recording.")
    ] = "model",
    style: Annotated[
        str | None, typer.Option(metavar="FILE", help="The recording whose style --engine optimize gives.")
    ] = None,
    features: Annotated[
        str, typer.Option(metavar="random|FOLDER", help="What it compares: drawn filters, or MelGAN's netD.pt.")
    ] = "random",
    content: Annotated[float, typer.Option(min=0, help="How much it holds on to the input.")] = 1.5,
    iterations: Annotated[int, typer.Option(min=1, help="Most steps per window; it stops where nothing is won.")] = 100,
    seed: Seed = 0,
    device: Device = "cpu",
    clip: Clip = "rescale",
    subtype: Subtype = None,
    *,
    batch: BatchOptions,
) -> None:
    """Transfer a style with a trained generator, or with none, from one recording.

    Audio gives audio of the same length, rate, channels and loudness; a chunk set gives a chunk set of the same kind.

    \b
    Examples:
      audiokit stylize piano.wav -o vibraphone.wav
      audiokit stylize songs/ -o styled/ --model runs/jazz --strength 0.7
      audiokit stylize song.wav -o jazz.wav --model checkpoints/latest_net_G_A.pth
      audiokit stylize song.wav --engine optimize --style other.wav -o restyled.wav
      audiokit spectro song.wav -o - | audiokit stylize - -o - | audiokit invert - -o styled.wav
    """
    from functools import partial

    from audiokit.engine.batch import run
    from audiokit.stylizing import StylizeOptions, output_suffix, stylize_file

    options = StylizeOptions(
        model, direction, strength, phase, preset, device=device, clip=clip, subtype=subtype, engine=engine,
        style=style, features=features, content=content, iterations=iterations, seed=seed, say=not batch.quiet,
    )  # fmt: skip
    options.check()
    task = partial(stylize_file, options=options)
    suffix = output_suffix(inputs)
    run(task, inputs, out, batch=batch, command="stylize", options=options.recipe(), ext=suffix, accept="either")
