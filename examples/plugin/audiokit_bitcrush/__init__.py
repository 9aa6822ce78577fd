"""A bit crusher: fewer bits, fewer samples, the sound of early samplers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from audiokit import Option, Sound, stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@stage(reads=Sound, writes=Sound)
def bitcrush(
    sound: Sound,
    *,
    bits: Annotated[int, Option("Bits that are left of each sample.", min=1, max=16)] = 8,
    hold: Annotated[int, Option("Hold every n-th sample.", min=1, max=64)] = 1,
) -> Sound:
    """Crush audio to a few bits.

    Examples:
        audiokit bitcrush drums.wav -o crushed.wav --bits 6 --hold 4

    Returns:
        The sound, as long and with as many channels as before.

    >>> import numpy as np
    >>> bitcrush(np.array([[0.1, 0.6, -0.7]], np.float32), 8000, bits=2).tolist()
    [[0.0, 0.5, -0.5]]
    """

    def blocks() -> Iterator[NDArray[np.float32]]:
        import numpy as np

        steps, at, held = 2 ** (bits - 1), 0, None
        for block in sound.blocks():
            # The sample that is held goes on over the end of a block, so that blocks of any size give the same sound.
            index = (np.arange(at, at + block.shape[1]) // hold) * hold - at
            first = block[:, :1] if held is None else held
            padded = np.where(index >= 0, block[:, np.maximum(index, 0)], first)
            held, at = padded[:, -1:], at + block.shape[1]
            yield (np.trunc(padded * steps) / steps).astype(np.float32)

    return sound.derive(blocks)
