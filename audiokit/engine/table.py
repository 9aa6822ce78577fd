"""The table of commands: names, where they are, and the line that `audiokit --help` shows; strings only.

Nothing is imported to list commands, so help and start-up stay instant. Packages add stages of their own through the
entry points `audiokit.stages`; they are looked for only where a name is not ours, or where all are listed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any, NamedTuple

from audiokit.errors import UsageError

GROUP = "audiokit.stages"

#: Command name -> (where it is, the line that help shows: the first of its docstring).
COMMANDS: dict[str, tuple[str, str]] = {
    "split": ("audiokit.stages.split:split", "Separate a mix into stems."),
    "info": ("audiokit.stages.info.stage:info", "Describe any file audiokit reads or writes, and verify it."),
    "spectro": ("audiokit.stages.spectro.stage:spectro", "Turn audio into spectrogram chunks or a picture."),
    "invert": ("audiokit.stages.invert.stage:invert", "Turn spectrogram chunks back into audio."),
    "stylize": ("audiokit.stages.stylize.stage:stylize", "Transfer a style with a trained generator."),
    "align-beats": (
        "audiokit.stages.align_beats.stage:align_beats",
        "Warp a track onto the beats of another, or onto a tempo; or find its beats.",
    ),
    "chunk": ("audiokit.stages.chunk.stage:chunk", "Cut audio into pieces: of one length, at beats, or at silences."),
    "morph": ("audiokit.stages.morph:morph", "Blend one clip into another, at one point or along time."),
    "augment": ("audiokit.stages.augment.stage:augment", "Make random, recorded variations for training."),
    "normalize": ("audiokit.stages.normalize:normalize", "Bring audio to a loudness, or only measure it."),
    "denoise": ("audiokit.stages.denoise:denoise", "Remove noise without making anything worse."),
    "generate": (
        "audiokit.stages.generate.stage:generate",
        "Make instrument notes with the pitch, family and qualities you ask for.",
    ),
    "mix": ("audiokit.stages.mix:mix", "Sum tracks with gains and without clipping."),
    "sing": ("audiokit.stages.sing.stage:sing", "Turn plain speech into a sung vocal that fits a backing track."),
    "run": ("audiokit.stages.run:run", "Run a whole chain in one process; it equals the shell's pipe to the byte."),
    "train": ("audiokit.stages.train.group:train", "Train the models behind the commands."),
    "models": ("audiokit.stages.models.group:models", "List, describe, pull, import, export and verify models."),
    "score": ("audiokit.stages.score.stage:score", "Score audio against references, or check it by itself."),
    "config": ("audiokit.stages.config:config", "Show the defaults that a file and the environment set."),
    "page": (
        "audiokit.stages.page:page",
        "Build one self-contained listening page for folders, files or a training run.",
    ),
}


class Plugin(NamedTuple):
    """A stage that another package offers: its name, where it is, and the package."""

    name: str
    where: str
    package: str


def plugins() -> Iterator[Plugin]:
    """Find the stages that installed packages offer, in the order of their names.

    Only packages whose entry points name our group are looked into: listing every package's metadata would cost more
    than everything else that help does.
    """
    found: dict[str, Plugin] = {}
    for folder in sys.path:
        for package, text in _entry_points(folder or "."):
            if f"[{GROUP}]" in text:
                for name, where in _section(text):
                    found.setdefault(name, Plugin(name, where, package))
    yield from (found[name] for name in sorted(found))


def _entry_points(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the packages installed in a folder that have entry points, with the text that names them."""
    try:
        names = os.listdir(folder)
    except OSError:  # the search path may name archives, and folders that are not there
        return
    for name in names:
        if name.endswith(".dist-info"):
            try:
                with open(f"{folder}/{name}/entry_points.txt", encoding="utf-8", errors="replace") as file:
                    yield name.split("-")[0], file.read()
            except OSError:  # most have none
                continue


def _section(text: str) -> Iterator[tuple[str, str]]:
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{GROUP}]"
        elif inside and "=" in line:
            name, _, where = line.partition("=")
            yield name.strip(), where.strip()


def find(name: str) -> Any:
    """Import a command by name; None if there is none.

    Raises:
        UsageError: a plugin that cannot be loaded; it is named, and nothing else breaks.
    """
    if name in COMMANDS:
        return load(COMMANDS[name][0])
    for plugin in plugins():
        if plugin.name == name:
            return _load_plugin(plugin)
    return None


def _load_plugin(plugin: Plugin) -> Any:
    try:
        with redirect_stdout(sys.stderr):  # what it prints as it is imported is not data
            found = load(plugin.where)
        if not hasattr(found, "schema"):
            raise TypeError(f"{plugin.where} is no stage")
        return found
    except (Exception, SystemExit) as error:  # another project's code may fail in any way
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{plugin.name}: the plugin {plugin.package} cannot be loaded ({reason})",
            hint=f"update it, or remove it: pip uninstall {plugin.package}",
        ) from error


def load(where: str) -> Any:
    """Import "module:name", or a module.

    >>> load("audiokit.errors:AudiokitError").status
    1
    """
    module, _, name = where.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


def stage_names() -> list[str]:
    """Name the stages that chains can be made of."""
    return [name for name in COMMANDS if name not in ("info", "train", "models", "score", "page", "run", "config")]
