"""Which model separates where none is named: the best that is here for the stems that are wanted."""

from __future__ import annotations

from collections.abc import Sequence

from audiokit.errors import AudiokitError
from audiokit.models.folder.checkpoint import CARD, cache_folder, find, read_card
from audiokit.models.folder.remotes import REMOTE, hub_folder

#: Travels inside the package.
DEFAULT = "splitter-2stems"
#: Runs in the package of its own authors.
DEMUCS = "htdemucs"
DEMUCS_STEMS = ("drums", "bass", "other", "vocals")
#: Best first; the measured figures stand in the table of what can be fetched.
ORDER = (
    "melband-roformer-kim",
    "bs-roformer-viperx",
    "mdx-kim-vocal-2",
    "mdx-voc-ft",
    "bs-roformer-4stems",
    DEMUCS,
    "spleeter-4stems-16kHz",
    "spleeter-4stems",
    "spleeter-5stems-16kHz",
    "spleeter-5stems",
    "spleeter-2stems-16kHz",
    "spleeter-2stems",
    DEFAULT,
)


def choose(wanted: Sequence[str], *, fast: bool = False, only: str = "") -> str:
    """Name the best model that is here and knows the stems; the built-in one where none does.

    Args:
        wanted: names of stems.
        fast: the built-in one if it knows the stems, however good the others are.
        only: what names must begin with.

    >>> choose(["vocals"], fast=True)
    'splitter-2stems'
    """
    order = (DEFAULT, *ORDER) if fast else ORDER
    return next((name for name in order if name.startswith(only) and set(wanted) <= set(stems_here(name))), DEFAULT)


def suggest(wanted: Sequence[str]) -> str | None:
    """Name the best model that could be fetched for the stems.

    >>> suggest(["vocals", "accompaniment"]), suggest(["piano"]), suggest(["flute"])
    ('melband-roformer-kim', 'spleeter-5stems-16kHz', None)
    """
    fetched = (name for name in ORDER if name in REMOTE and name != DEMUCS)
    return next((name for name in fetched if set(wanted) <= set(REMOTE[name].stems)), None)


def stems_here(name: str) -> tuple[str, ...]:
    """Name the stems of a model of the table; none if it is not here or not in order."""
    if name == DEMUCS:
        return DEMUCS_STEMS if has_demucs() and (hub_folder() / REMOTE[DEMUCS].file).exists() else ()
    folder = cache_folder() / "models" / name
    if name != DEFAULT and not (folder / CARD).exists():
        return ()
    try:
        card = read_card(find(name))
    except AudiokitError:  # `models verify` says what is wrong with it
        return ()
    return tuple(card.get("labels") or card["settings"].get("stems", ()))


def has_demucs() -> bool:
    """Whether the package of Demucs is installed."""
    from importlib.util import find_spec

    return find_spec("demucs") is not None


def remark(name: str, wanted: Sequence[str]) -> str:
    """One line on a choice: what was chosen, and what to fetch for better stems where it is the built-in model."""
    if name != DEFAULT:
        return f"split: by {name}, the best model here for these stems ({REMOTE[name].about})"
    better = suggest(wanted)
    more = f"; for better stems: audiokit models pull {better} ({REMOTE[better].told_size})" if better else ""
    return f"split: by {name}, the built-in model{more}"
