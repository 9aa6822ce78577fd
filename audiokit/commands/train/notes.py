"""`audiokit train notes`: a model of instrument notes."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.training.engine.options import RunOptions, run_options


@run_options
def notes(
    folders: Annotated[
        list[str],
        typer.Argument(
            metavar="NOTES...", help="Folders in NSynth's layout (examples.json), or of <instrument>_<midi>.wav."
        ),
    ],
    arch: Annotated[
        str,
        typer.Option(
            metavar="comb|autoencoder|gan|cgan",
            help="comb: partials and noise on a comb, any pitch and length; the others paint spectrograms.",
        ),
    ] = "comb",
    latent: Annotated[int | None, typer.Option(min=2, max=384, help="Size of the latent.")] = None,
    width: Annotated[int | None, typer.Option(min=4, help="Width of the network.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Notes per step.")] = None,
    *,
    run: RunOptions,
) -> None:
    """Train a model for `audiokit generate --model FOLDER`.

    Some (instrument, pitch) pairs are never trained on; validations measure on them. Descriptions of the notes are
    kept in the run folder.

    \b
    Examples:
      audiokit train notes nsynth-train/ -o runs/notes
      audiokit train notes my-samples/ -o runs/mine --minutes 30
      audiokit train notes nsynth-train/ -o runs/cgan --arch cgan
    """
    from audiokit.training.notes.run import train_notes

    sizes = {"latent": latent, "width": width, "batch": batch}
    train_notes(folders, architecture=arch, sizes=sizes, run=run)
