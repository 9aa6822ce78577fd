"""`train notes`: a model of instrument notes."""

from __future__ import annotations

from typing import Annotated, Literal

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.training.engine.options import RunOptions


@command()
def notes(
    folders: Annotated[
        list[str],
        Argument("Folders in NSynth's layout (examples.json), or of <instrument>_<midi>.wav.", "NOTES..."),
    ],
    *,
    arch: Annotated[
        Literal["comb", "autoencoder", "gan", "cgan"],
        Option("comb: partials and noise on a comb, any pitch and length; the others paint spectrograms."),
    ] = "comb",
    latent: Annotated[int | None, Option("Size of the latent.", min=2, max=384)] = None,
    width: Annotated[int | None, Option("Width of the network.", min=4)] = None,
    batch: Annotated[int | None, Option("Notes per step.", min=1)] = None,
    run: RunOptions,
) -> None:
    """Train a model for `audiokit generate --model FOLDER`.

    Some (instrument, pitch) pairs are never trained on; validations measure on them. Descriptions of the notes are
    kept in the run folder.

    Examples:
        audiokit train notes nsynth-train/ -o runs/notes
        audiokit train notes my-samples/ -o runs/mine --minutes 30
        audiokit train notes nsynth-train/ -o runs/cgan --arch cgan
    """
    from audiokit.training.notes.run import train_notes

    sizes = {"latent": latent, "width": width, "batch": batch}
    train_notes(folders, architecture=arch, sizes=sizes, run=run)
