"""A VocalCycleGAN at work: mel columns of any length go through its generators in pieces that join exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from audiokit.errors import ModelError
from audiokit.models.folder.graph import MAIN
from audiokit.models.folder.runtime import Network

#: Frames that the convolutions without padding take from either side.
CONTEXT = 16
#: Further frames on either side, so that the filters between levels, which reflect at edges, never see one.
MARGIN = 64
#: Frames that are computed at once; a multiple of the network's stride, so that segments join exactly.
SEGMENT = 2048
#: The graph of the generator that speaks; the main one sings.
SPEAK = "speak"


class VocalGenerators:
    """Both generators.

    Args:
        network: a vocal-cyclegan.
    """

    def __init__(self, network: Network) -> None:
        self._network, self._settings = network, network.settings

    def sing(self, speech: np.ndarray, accompaniment: np.ndarray) -> np.ndarray:
        """Turn speech into singing: mels in dB (mels, N), both of the same shape, to (mels, N)."""
        return _joined(self.sing_parts([np.concatenate([speech, accompaniment])]))

    def speak(self, vocal: np.ndarray) -> np.ndarray:
        """Turn singing into speech: mels in dB (mels, N) to the same shape.

        Raises:
            ModelError: the model has no generator for this direction.
        """
        return _joined(self.speak_parts([vocal]))

    def sing_parts(self, both: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same of columns (2 mels, k) that arrive one after the other, speech above accompaniment: (mels, k)."""
        return self._slide(MAIN, both)

    def speak_parts(self, vocal: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same of columns (mels, k) that arrive one after the other (ModelError as `speak`)."""
        if not self._settings["speech_channels"]:
            raise ModelError("this model only sings", hint="use one that was trained or imported with both generators")
        return self._slide(SPEAK, vocal)

    def _slide(self, graph: str, parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        centre, scale = (np.float32(self._settings[name]) for name in ("centre_db", "scale_db"))
        mels, shift = self._settings["mels"], self._settings["shift"]
        left, extra = CONTEXT + MARGIN + shift, 2 * (CONTEXT + MARGIN) + 1
        silence = (np.float32(self._settings["silence_db"]) - centre) / scale
        rows = mels if graph == SPEAK else 2 * mels
        held, frames = np.full((rows, left), silence, np.float32), 0

        def found(size: int) -> np.ndarray:
            """The answer to the first frames of what is held, after its context."""
            # Networks take 4 k + 33 frames and give 4 k + 1, whatever k; what is too much is cut off again.
            taken = held[None, :, : -(-size // 4) * 4 + extra]
            y: np.ndarray = self._network.run(taken, graph=graph)[0][0, :, MARGIN : MARGIN + size]
            if self._settings["residual"]:
                y = y + held[:mels, left : left + size]
            return y * scale + centre

        for part in parts:
            held = np.concatenate([held, (part.astype(np.float32) - centre) / scale], axis=1)
            frames += part.shape[1]
            while held.shape[1] >= SEGMENT + extra:
                yield found(SEGMENT)
                held, frames = held[:, SEGMENT:].copy(), frames - SEGMENT
        held = np.pad(held, ((0, 0), (0, extra + 4)), constant_values=silence)
        for start in range(0, frames, SEGMENT):
            yield found(min(SEGMENT, frames - start))
            held = held[:, SEGMENT:]


def _joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([*parts], axis=1)
