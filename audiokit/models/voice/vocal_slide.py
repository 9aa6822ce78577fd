"""A VocalCycleGAN at work: mel columns of any length go through its generators in pieces that join exactly."""

from __future__ import annotations

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
        return self._slide(MAIN, np.concatenate([speech, accompaniment]))

    def speak(self, vocal: np.ndarray) -> np.ndarray:
        """Turn singing into speech: mels in dB (mels, N) to the same shape.

        Raises:
            ModelError: the model has no generator for this direction.
        """
        if not self._settings["speech_channels"]:
            raise ModelError("this model only sings", hint="use one that was trained or imported with both generators")
        return self._slide(SPEAK, vocal)

    def _slide(self, graph: str, x: np.ndarray) -> np.ndarray:
        centre, scale = (np.float32(self._settings[name]) for name in ("centre_db", "scale_db"))
        frames, shift = x.shape[1], self._settings["shift"]
        # Networks take 4 k + 33 frames and give 4 k + 1, whatever k; what is too much is cut off again.
        padded = -(-frames // 4) * 4
        left, extra = CONTEXT + MARGIN + shift, 2 * (CONTEXT + MARGIN) + 1
        x = (x.astype(np.float32) - centre) / scale
        silence = (np.float32(self._settings["silence_db"]) - centre) / scale
        x = np.pad(x, ((0, 0), (left, padded - frames + extra - left)), constant_values=silence)
        parts = []
        for start in range(0, padded, SEGMENT):
            size = min(SEGMENT, padded - start)
            (found,) = self._network.run(x[None, :, start : start + size + extra], graph=graph)
            parts.append(found[0, :, MARGIN : MARGIN + size])
        y = np.concatenate(parts, axis=1)[:, :frames]
        if self._settings["residual"]:
            y = y + x[: self._settings["mels"], left : left + frames]
        return y * scale + centre
