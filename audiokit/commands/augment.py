"""`audiokit augment`: random variations for training, recorded so that each can be made again."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Clip, Inputs, Out, Seed, Subtype, batch_options


@batch_options
def augment(
    inputs: Inputs,
    out: Out = None,
    recipe: Annotated[
        str, typer.Option(metavar="speech|music|notes|FILE.toml", help="What may happen: a chain of effects.")
    ] = "music",
    copies: Annotated[int, typer.Option(min=1, max=10_000, help="Variations per file.")] = 1,
    segment: Annotated[
        str, typer.Option(metavar="60s|0", help="Longer files are varied in segments of this length; 0: never.")
    ] = "60s",
    like: Annotated[
        str | None, typer.Option(metavar="FILE", help="Do exactly what was done when this file was made.")
    ] = None,
    seed: Seed = 0,
    clip: Clip = "rescale",
    subtype: Subtype = None,
    *,
    batch: BatchOptions,
) -> None:
    """Make random, recorded variations for training, with audiomentations.

    What was drawn is in each output's history (audiokit info FILE --json). The same seed gives the same bytes,
    whatever --jobs is and whatever other files there are.

    \b
    Examples:
      audiokit augment notes/ -o more-notes/ --recipe notes --copies 5 --seed 7 --jobs 2
      audiokit augment talk.wav -o varied.wav --recipe speech
      audiokit augment talk.wav -o again.wav --like varied.wav
    """
    from audiokit.augmenting import AugmentOptions, augment_all, read_recipe
    from audiokit.engine.options import seconds

    length = 0.0 if segment in ("0", "0s") else seconds(segment, "--segment")
    effects = () if like else tuple(read_recipe(recipe))
    options = AugmentOptions(recipe, effects, copies, seed, length, clip, subtype)
    augment_all(inputs, out, options, batch=batch, like=like)
