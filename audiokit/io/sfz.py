"""SFZ instruments: a text file that tells a sampler which sample to play for which key and velocity.

References:
    SFZ format, version 1 opcodes (sfzformat.com).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audiokit.errors import ParameterError
from audiokit.io.files import atomic_file


@dataclass(frozen=True)
class Sample:
    """One sample of an instrument.

    Attributes:
        path: relative to the SFZ file, with forward slashes.
        pitch: the key it was made for.
        velocity: the velocity it was made for.
    """

    path: str
    pitch: int
    velocity: int


def format_sfz(samples: Sequence[Sample], *, release_s: float = 0.3, title: str = "") -> str:
    """Map samples over the keyboard: each serves the keys nearest to its own, up to the velocity of the next.

    Args:
        samples: at least one.
        release_s: fade after a key is let go.
        title: a comment in the first line.

    Returns:
        The text of the SFZ file.

    Raises:
        ParameterError: there is no sample, or two are for the same key and velocity.

    >>> print(format_sfz([Sample("a.wav", 60, 100), Sample("b.wav", 64, 100)]).splitlines()[-1])
    <region> sample=b.wav pitch_keycenter=64 lokey=63 hikey=127 lovel=1 hivel=127
    """
    if not samples:
        raise ParameterError("an instrument needs at least one sample")
    keys = sorted({s.pitch for s in samples})
    lines = [f"// {title or 'instrument made by audiokit'}", "<global> loop_mode=no_loop"]
    lines.append(f"<group> ampeg_release={release_s:g}")
    for index, key in enumerate(keys):
        low = 0 if index == 0 else (keys[index - 1] + key) // 2 + 1
        high = 127 if index == len(keys) - 1 else (key + keys[index + 1]) // 2
        layers = sorted((s for s in samples if s.pitch == key), key=lambda s: s.velocity)
        if len({s.velocity for s in layers}) < len(layers):
            raise ParameterError(f"two samples for key {key} have the same velocity")
        softest = 1
        for place, sample in enumerate(layers):
            loudest = 127 if place == len(layers) - 1 else sample.velocity
            lines.append(
                f"<region> sample={sample.path} pitch_keycenter={key} lokey={low} hikey={high}"
                f" lovel={softest} hivel={loudest}"
            )
            softest = loudest + 1
    return "\n".join(lines) + "\n"


def write_sfz(
    path: str | os.PathLike[str],
    samples: Sequence[Sample],
    *,
    release_s: float = 0.3,
    title: str = "",
    force: bool = False,
) -> None:
    """Write an SFZ file, whole or not at all; see `format_sfz`."""
    with atomic_file(Path(path), force=force) as temporary:
        temporary.write_text(format_sfz(samples, release_s=release_s, title=title), encoding="utf-8")
