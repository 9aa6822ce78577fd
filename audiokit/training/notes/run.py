"""`audiokit train notes`: one run of any of the note models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audiokit.errors import ParameterError
from audiokit.training.engine.loop import Recipe, cosine
from audiokit.training.engine.options import RunOptions

ARCHITECTURES = ("comb", "autoencoder", "gan", "cgan")
_STEPS = {"comb": 10_000, "autoencoder": 10_000, "gan": 20_000, "cgan": 20_000}


def train_notes(
    folders: Sequence[str], *, architecture: str, sizes: dict[str, int | None], run: RunOptions
) -> dict[str, Any]:
    """Train a note model on folders of labelled notes.

    Args:
        folders: in NSynth's layout, or with files named <instrument>_<midi>.
        architecture: one of ARCHITECTURES.
        sizes: latent, width and batch; None keeps the architecture's own.
        run: how the run goes.

    Returns:
        The last validation's values.

    Raises:
        ParameterError: the architecture is unknown.
        InputError: there are no notes, or the folder holds a run that is not to be resumed.
    """
    if architecture not in ARCHITECTURES:
        raise ParameterError(f"unknown architecture {architecture!r}", hint=f"there are: {', '.join(ARCHITECTURES)}")
    run.check_folder()
    recipe = make_recipe(folders, architecture=architecture, sizes=sizes, run=run)
    values = run.fit(
        recipe,
        steps=_STEPS[architecture],
        validate_every=500,
        log_every=min(50, run.validate_every or 50),
        resume=True,
        schedule=None if "gan" in architecture else cosine(),
    )
    run.tell(values, then=f"audiokit generate --model {run.out}")
    return values


def make_recipe(folders: Sequence[str], *, architecture: str, sizes: dict[str, int | None], run: RunOptions) -> Recipe:
    """Read the notes and build what is trained on them."""
    from audiokit.training.notes.autoencoder import NoteAutoencoderRecipe, NoteAutoencoderSettings
    from audiokit.training.notes.decoder import NoteDecoderRecipe, NoteDecoderSettings
    from audiokit.training.notes.gan import NoteGanRecipe, NoteGanSettings
    from audiokit.training.notes.notes import describe_notes, find_notes, load_sounds

    chosen = {name: value for name, value in sizes.items() if value is not None}
    device = run.place()
    files = find_notes(folders)
    facts = run.card(notes=len(files))
    if architecture == "comb":
        notes = describe_notes(files, Path(run.out), seed=run.seed)
        notes.facts = facts
        return NoteDecoderRecipe(notes, NoteDecoderSettings(**chosen), device=device, seed=run.seed)
    sounds = load_sounds(files, seed=run.seed)
    sounds.card.update(facts)
    if architecture == "autoencoder":
        return NoteAutoencoderRecipe(sounds, NoteAutoencoderSettings(**chosen), device=device, seed=run.seed)
    settings = NoteGanSettings(conditional=architecture == "cgan", **chosen)
    return NoteGanRecipe(sounds, settings, device=device, seed=run.seed)
