"""`audiokit train RECIPE`: every kind of model, resumable, audible while it runs."""

from __future__ import annotations

from typing import ClassVar

import typer

from audiokit.cli import CONTEXT, LazyGroup
from audiokit.engine.table import load

#: Recipe name -> the line that `audiokit train --help` shows; the module is audiokit.commands.train.NAME.
RECIPES: dict[str, str] = {
    "gan": "The simplest GAN, sounds drawn out of noise: where to begin reading.",
    "mel2linear": "A mel inverter for invert, from any folder of audio.",
    "cyclegan": "A style model from two folders of sounds that need not correspond.",
    "pix2pix": "A style model from two folders that hold the same pieces.",
    "travel": "A style model from two folders, one way, with a siamese network.",
    "vocal-cyclegan": "Speech to singing and back, from folders of speech, vocals and accompaniments.",
    "vocoder": "A neural vocoder for invert, from any folder of audio.",
    "denoiser": "A speech denoiser, from folders of clean speech and of noise.",
    "notes": "A model of instrument notes, from folders of labelled notes.",
    "dcgan": "A GAN of spectrogram chunks, for morph to travel in.",
    "splitter": "A separator, from songs with stems and loose parts.",
}


class TrainGroup(LazyGroup):
    """The recipes, loaded one at a time."""

    table: ClassVar[dict[str, tuple[str, str]]] = {
        name: (f"audiokit.commands.train.{name.replace('-', '_')}", line) for name, line in RECIPES.items()
    }
    others = staticmethod(lambda: iter(()))

    @classmethod
    def find(cls, name: str) -> object:
        """Import one recipe; None if there is none."""
        return load(cls.table[name][0]) if name in cls.table else None


app = typer.Typer(
    name="train",
    cls=TrainGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    context_settings=CONTEXT,
)


@app.callback()
def train() -> None:
    """Train the models behind the commands; every run is resumable and audible while it runs.

    \b
    Examples:
      audiokit train cyclegan piano/ strings/ -o runs/strings --minutes 60
      audiokit train cyclegan piano/ strings/ -o runs/strings --minutes 120 --resume
      audiokit page runs/strings
    """
