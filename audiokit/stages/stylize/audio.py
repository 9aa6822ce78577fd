"""Style transfer of audio, in memory that does not grow with its length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.loudness.match import loudness_gain
from audiokit.engine.flow import Notes
from audiokit.engine.sound import Sound
from audiokit.models.style.stylizer import Stylizer
from audiokit.stages.stylize.optimize import Stopwatch


def change_sound(sound: Sound, stylizer: Stylizer, notes: Notes) -> Sound:
    """Change the style of a sound; its length, rate, channels and loudness stay.

    It is read twice before it is written, because the level that a model refers to and the loudness that the result
    must keep are known only at its end.
    """
    watch = Stopwatch(stylizer.network)
    source = sound.replay()
    peak, frames = stylizer.peak(source.blocks(), sound.rate)
    if peak <= 0 or stylizer.strength == 0:
        notes.report["gain_db"] = 0.0
        return source.derive(_said_if_empty(source, notes), notes=notes)
    changed = source.derive(
        lambda: stylizer.stream(source.blocks(), sound.rate, sound.channels, peak=peak, frames=frames)
    ).replay()
    gain = loudness_gain(source.blocks(), changed.blocks(), sound.rate, sound.channels)

    def blocks() -> Iterator[NDArray[np.float32]]:
        return (block * np.float32(gain) for block in changed.blocks())

    notes.report |= {"gain_db": _db(gain), **watch.report((changed.length or 0) / sound.rate)}
    return source.derive(blocks, length=changed.length, notes=notes)


def _said_if_empty(sound: Sound, notes: Notes) -> Callable[[], Iterator[NDArray[np.float32]]]:
    def blocks() -> Iterator[NDArray[np.float32]]:
        empty = True
        for block in sound.blocks():
            empty = empty and not block.shape[1]
            yield block
        if empty:
            notes.warnings.append("holds no samples")

    return blocks


def _db(gain: float) -> float:
    return round(20 * math.log10(gain), 2)
