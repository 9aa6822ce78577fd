"""What an audio file says about itself, and the history of the commands that made it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audiokit import __version__
from audiokit.errors import DamagedError

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1 << 16
#: No recording is louder, whatever its scale; not far above, energies no longer fit into float32.
LARGEST = 1e12
#: What libsndfile reads; other suffixes are tried too, these are collected from folders.
SUFFIXES = (".wav", ".wave", ".aiff", ".aif", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".rf64", ".w64", ".au", ".caf")
MEDIA_SUFFIXES = (".m4a", ".mp4", ".webm", ".mkv", ".mov", ".aac", ".wma", ".avi", ".mka")
TAGS = ("title", "artist", "album", "comment", "date", "genre", "copyright", "tracknumber")
#: The way out where only a part of a file can be decoded.
TO_KEEP = "to keep what is there: ffmpeg -i FILE FIXED.wav"
_LOSSY = (
    "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "AAC", "MP2", "AC3", "EAC3", "DCA", "WMAV1",
    "WMAV2", "WMAPRO", "AMRNB", "AMRWB", "AMR_NB", "AMR_WB", "COOK", "ATRAC3",
)  # fmt: skip


@dataclass(frozen=True)
class AudioInfo:
    """What a file says about itself.

    Attributes:
        path: where it is; "-" for a stream.
        rate: Hz.
        channels: how many.
        length: samples per channel; None while a stream does not know.
        subtype: encoding in libsndfile's words, such as PCM_16, FLOAT, VORBIS.
        format: container, such as WAV, FLAC, OGG.
        tags: title, artist and the like.
        history: one entry per audiokit command that made it.
        fault: what is wrong with its header though it can be read; "" if nothing is.
        bit_rate: bits per second of the encoded audio, where that is known and matters (lossy formats).
    """

    path: str
    rate: int
    channels: int
    length: int | None
    subtype: str
    format: str
    tags: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""
    bit_rate: int | None = None

    @property
    def lossy(self) -> bool:
        """Whether the encoding throws something away."""
        return self.subtype in _LOSSY


def check_samples(block: np.ndarray, *, name: str, start: int, rate: int) -> None:
    """Refuse samples (C, n) that cannot be computed with: NaN, infinity, and numbers beyond `LARGEST` (DamagedError).

    Args:
        block: samples (C, n), float32.
        name: of the file.
        start: of the block in the file, in samples.
        rate: Hz.
    """
    import numpy as np

    if not block.size or max(block.max(), -block.min()) <= LARGEST:
        return
    sane = (np.abs(block) <= LARGEST).all(axis=0)
    first = int(np.argmin(sane))
    finite = np.isfinite(block[:, first]).all()
    found = f"a sample of {np.abs(block[:, first]).max():.0e} (full scale is 1)" if finite else "NaN or infinity"
    raise DamagedError(
        f"{name}: holds {found}, first at {(start + first) / rate:.3f} s",
        hint="were its numbers mistaken for floating point?"
        if finite
        else "find what wrote it; sox FILE OUT replaces such samples",
    )


def history_entry(name: str, options: dict[str, Any], seed: int | None = None) -> dict[str, Any]:
    """Describe one command for the history that outputs carry.

    >>> history_entry("normalize", {"to": -14.0})["name"]
    'normalize'
    """
    return {"name": name, "options": options, "seed": seed, "version": __version__}


def software_tag(history: Sequence[dict[str, Any]]) -> str:
    """Write a history as the text of a software tag; no history, no tag.

    >>> parse_software_tag(software_tag([history_entry("mix", {"gain": [-3.0]})]))[0]["options"]
    {'gain': [-3.0]}
    """
    return f"audiokit {__version__} {json.dumps(list(history), separators=(',', ':'), default=str)}" if history else ""


def parse_software_tag(text: str) -> list[dict[str, Any]]:
    """Read a history back from a software tag; [] if another program wrote it or it is damaged."""
    start = text.find("[")
    if not text.startswith("audiokit ") or start < 0:
        return []
    try:
        history, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return []
    return [entry for entry in history if isinstance(entry, dict)]
