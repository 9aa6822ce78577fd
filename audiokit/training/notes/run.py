"""`audiokit train notes`: one run of any of the note models."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audiokit.errors import InputError, ParameterError
from audiokit.training.engine.loop import Recipe, cosine, fit
from audiokit.training.engine.options import RunOptions
from audiokit.training.engine.run import CHECKPOINT

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
    folder = Path(run.out)
    if not run.resume and (folder / CHECKPOINT).exists():
        raise InputError(f"{folder}: holds a training run already", hint="add --resume, or train into another folder")
    recipe = make_recipe(folders, architecture=architecture, sizes=sizes, run=run)
    values = fit(
        recipe,
        folder=folder,
        steps=run.steps or _STEPS[architecture],
        minutes=run.minutes,
        validate_every=run.validate_every or 500,
        log_every=min(50, run.validate_every or 50),
        seed=run.seed,
        resume=True,
        average=run.average,
        precision=run.precision,
        schedule=None if "gan" in architecture else cosine(),
        quiet=run.quiet,
    )
    if run.json:
        print(json.dumps({"output": run.out, **values}))
    elif not run.quiet:
        print(f"{run.out}: trained {values['step']} steps; try: audiokit generate --model {run.out}", file=sys.stderr)
    return values


def make_recipe(folders: Sequence[str], *, architecture: str, sizes: dict[str, int | None], run: RunOptions) -> Recipe:
    """Read the notes and build what is trained on them."""
    from audiokit.models.folder.checkpoint import pick_device
    from audiokit.training.notes.autoencoder import NoteAutoencoderRecipe, NoteAutoencoderSettings
    from audiokit.training.notes.decoder import NoteDecoderRecipe, NoteDecoderSettings
    from audiokit.training.notes.gan import NoteGanRecipe, NoteGanSettings
    from audiokit.training.notes.notes import describe_notes, find_notes, load_sounds

    chosen = {name: value for name, value in sizes.items() if value is not None}
    device = pick_device(run.device)
    files = find_notes(folders)
    facts = {
        "licence": run.licence or "not stated",
        "training_data": {"source": run.source or "not stated", "notes": len(files)},
    }
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
