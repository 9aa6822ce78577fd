"""From two folders to a style model: what `audiokit train cyclegan`, `pix2pix` and `travel` do."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiokit.dsp.spectrum.style import StyleFrontend
from audiokit.errors import InputError, UsageError, shown
from audiokit.models.folder.checkpoint import CARD
from audiokit.training.engine.loop import Recipe, linear_decay
from audiokit.training.engine.options import RunOptions
from audiokit.training.style.cyclegan import REVERSE, CycleGan
from audiokit.training.style.data import Track, open_tracks
from audiokit.training.style.pix2pix import Pix2Pix, Pix2PixSettings
from audiokit.training.style.settings import CycleGanSettings, StyleSettings
from audiokit.training.style.travel import Travel, TravelSettings

#: Epochs of the paper: half at the full learning rate, half on the way to zero.
EPOCHS = 200


@dataclass(frozen=True)
class Sides:
    """Where the sounds are.

    Attributes:
        a, b: folders to learn from.
        held_a, held_b: folders kept out of training, None for none.
    """

    a: Path
    b: Path
    held_a: Path | None = None
    held_b: Path | None = None


def find_sides(inputs: Sequence[str], held: Sequence[str]) -> Sides:
    """Find both sides: two folders, or one folder with trainA and trainB (and testA, testB) inside.

    Raises:
        UsageError: neither one nor two folders.
        InputError: a folder is missing.
    """
    if len(inputs) == 1:
        root = Path(inputs[0])
        sides = [root / "trainA", root / "trainB"]
        if not all(side.is_dir() for side in sides):
            raise InputError(
                f"{root}: no trainA and trainB inside", hint="give two folders, or one that holds trainA and trainB"
            )
        tests = [root / "testA", root / "testB"]
        kept = [str(test) for test in tests] if not held and all(test.is_dir() for test in tests) else list(held)
    elif len(inputs) == 2:
        sides, kept = [Path(given) for given in inputs], list(held)
    else:
        raise UsageError(f"two folders are needed, not {len(inputs)}", hint="audiokit train cyclegan A B -o MODEL")
    if len(kept) not in (0, 2):
        raise UsageError("--held-out is given twice: for the first side and for the second")
    for folder in [*sides, *map(Path, kept)]:
        if not folder.exists():
            raise InputError(f"{folder}: no such folder")
    return Sides(sides[0], sides[1], *(Path(path) for path in kept))


def train_style(
    sides: Sides,
    *,
    settings: StyleSettings,
    frontend: StyleFrontend,
    run: RunOptions,
    epochs: float | None = None,
) -> dict[str, float]:
    """Train a style model with the recipe that the settings belong to.

    Args:
        sides: the data.
        settings: of CycleGAN or TraVeL (any sounds), or pix2pix (the same pieces on both sides, under the same names).
        frontend: what the model sees.
        run: how long, where, and what goes into the model card.
        epochs: how long, instead of run.steps; an epoch sees as much sound as the longer side holds. 200 unless
            steps or minutes are given.

    Returns:
        The last measurements, with step and seconds.

    Raises:
        InputError: too little sound, no partner, or a run is there already.
        UsageError: both steps and epochs.
    """
    folder = run.check_folder()
    folders = (sides.a, sides.b, sides.held_a, sides.held_b)
    a, b, held_a, held_b = ([] if f is None else open_tracks(f, frontend, cache=folder / "cache") for f in folders)
    for side, tracks in ((sides.a, a), (sides.b, b)):
        _check_amount(side, tracks, frontend, quiet=run.quiet)
    epoch = max(1, max(_frames(a), _frames(b)) // (frontend.frames * settings.batch))
    if run.steps and epochs:
        raise UsageError("--steps and --epochs exclude each other", hint="give one of them")
    steps = run.steps or max(1, round(epoch * (epochs or EPOCHS)))
    device = run.place()
    held = (held_a or a[:2], held_b or b[:2])
    card = _card(sides, a, b, frontend, run)
    recipe: Recipe
    if isinstance(settings, Pix2PixSettings):
        recipe = Pix2Pix(a, b, frontend=frontend, settings=settings, device=device, held=held, card=card)
    else:
        same = bool(held_a) and [t.name for t in held[0]] == [t.name for t in held[1]]
        rest: dict[str, Any] = {"device": device, "held": held, "paired": same, "card": card}
        if isinstance(settings, TravelSettings):
            recipe = Travel(a, b, frontend=frontend, settings=settings, **rest)
        else:
            assert isinstance(settings, CycleGanSettings)
            recipe = CycleGan(a, b, frontend=frontend, settings=settings, **rest)
    values = run.fit(recipe, steps=steps, validate_every=min(epoch, 2000, steps), schedule=linear_decay(0.5))
    if run.leads:
        for card_path in (folder / CARD, folder / REVERSE / CARD):
            _note_effort(card_path, values)
        # decoded samples are large; a run that goes on decodes them again
        shutil.rmtree(folder / "cache", ignore_errors=True)
    return values


def _note_effort(path: Path, values: dict[str, float]) -> None:
    """Write into a model card how long the model was trained."""
    from audiokit.io.files import atomic_file

    if path.exists():
        card = json.loads(path.read_text(encoding="utf-8"))
        card["training"] = {"steps": values["step"], "minutes": round(values["seconds"] / 60, 1)}
        with atomic_file(path, force=True) as temporary:
            temporary.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def train_and_report(
    sides: Sides,
    *,
    settings: StyleSettings,
    frontend: StyleFrontend,
    epochs: float | None,
    run: RunOptions,
) -> None:
    """Train, and print where the model is (as JSON if asked)."""
    values = train_style(sides, settings=settings, frontend=frontend, run=run, epochs=epochs)
    run.tell(values, then=f"audiokit stylize SONG --model {run.out}")


def _card(
    sides: Sides, a: Sequence[Track], b: Sequence[Track], frontend: StyleFrontend, run: RunOptions
) -> dict[str, Any]:
    per_minute = 60 * frontend.transform.rate / frontend.transform.hop
    amount = {"from_minutes": round(_frames(a) / per_minute, 1), "to_minutes": round(_frames(b) / per_minute, 1)}
    return {"labels": {"from": sides.a.name, "to": sides.b.name}, **run.card(**amount)}


def _frames(tracks: Sequence[Track]) -> int:
    return sum(track.frames for track in tracks)


def _check_amount(side: Path, tracks: Sequence[Track], frontend: StyleFrontend, *, quiet: bool) -> None:
    """Refuse less than one window of sound, and say so when there is little."""
    per_second = frontend.transform.rate / frontend.transform.hop
    found, needed = _frames(tracks) / per_second, frontend.frames / per_second
    if found < needed:
        raise InputError(
            f"{side}: {found:.1f} s of sound, but one crop of the model is {needed:.1f} s",
            hint="give more audio, or shorter crops with --frames",
        )
    if found < 60 and not quiet:
        print(f"{shown(side)}: only {found:.0f} s of sound; ten minutes or more learn better", file=sys.stderr)
