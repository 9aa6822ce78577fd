"""Arguments that the recipes of style models share."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from audiokit.engine.option import Argument, Option
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.settings import Pictures, StyleSettings

Sides = Annotated[list[str], Argument("Two folders of audio or chunk sets, or one with trainA and trainB.", "A B")]
HeldOut = Annotated[
    list[str] | None,
    Option("Sounds kept out of training; give it for A and again for B.", metavar="FOLDER"),
]


def train_on_sides(
    inputs: list[str],
    held_out: list[str] | None,
    epochs: float | None,
    *,
    settings: StyleSettings,
    frontend: Pictures,
    run: RunOptions,
) -> None:
    """Find the folders, train, and say where the model is."""
    from audiokit.training.style.run import find_sides, train_and_report

    sides = find_sides(inputs, held_out or [])
    settings = replace(settings, seed=run.seed)
    train_and_report(sides, settings=settings, frontend=frontend.build(), epochs=epochs, run=run)
