"""Vocoders by name, folder or official checkpoint, and how `invert` runs them block by block."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from audiokit.errors import ModelError
from audiokit.models.folder.recognise import not_a
from audiokit.models.vocoders.base import SEGMENT, Vocoder

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.transform import Transform


def load_vocoder(spec: str, *, device: str = "cpu") -> tuple[Vocoder, dict[str, Any]]:
    """Load a vocoder by name or folder, or straight from an official checkpoint.

    Raises:
        ModelError: there is none, or it is of another kind.
    """
    from audiokit.models.folder.checkpoint import CARD, load

    path = Path(spec)
    if path.is_file() and path.name != CARD:
        network, card = import_vocoder(path)
        return network.to(device), card
    module, card = load(spec, kind="vocoder", device=device)
    assert isinstance(module, Vocoder)
    return module, card


def import_vocoder(source: str | os.PathLike[str]) -> tuple[Vocoder, dict[str, Any]]:
    """Read an official checkpoint of any vocoder known here, recognised by its keys.

    Raises:
        ModelError: the keys are of none.
    """
    from audiokit.models.folder.checkpoint import read_state_dict
    from audiokit.models.vocoders.hifigan import import_hifigan
    from audiokit.models.vocoders.melgan import import_melgan
    from audiokit.models.vocoders.vocos import import_vocos

    keys = list(read_state_dict(source))
    for mark, function in (
        ("backbone.embed", import_vocos),
        ("conv_pre", import_hifigan),
        ("melgan.", import_melgan),
        ("model.1.", import_melgan),
    ):
        if any(mark in key for key in keys):
            return function(source)
    known = "model.1 (MelGAN), conv_pre (HiFi-GAN) or backbone.embed (Vocos)"
    raise not_a("a vocoder known here", name=str(source), expected=known, keys=keys)


class VocoderEngine:
    """Run a vocoder over decoded mel frames as they come.

    Raises:
        ModelError: the frames are of another front-end.
    """

    def __init__(self, transform: Transform, channels: int, network: Vocoder, card: Mapping[str, Any], name: str):
        from audiokit.dsp.spectrum.transform import Transform

        check_frontend(transform, card["frontend"], name)
        self.name, self.rate = f"vocoder {name}", transform.rate
        self._transform = Transform.from_dict({**card["frontend"], "preset": None})
        self._channels, self._network = channels, network
        self._held = np.zeros((channels, transform.n_mels or 0, 0), np.float32)
        self._before = 0
        self._samples = 0

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Take mel frames (C, n_mels, k); return audio (C, n)."""
        self._held = np.concatenate([self._held, frames.astype(np.float32, copy=False)], axis=2)
        parts = [np.zeros((self._channels, 0), np.float32)]
        while self._held.shape[2] >= self._before + SEGMENT + self._network.context:
            parts.append(self._run(SEGMENT))
        return np.concatenate(parts, axis=1)

    def finish(self, length: int | None) -> np.ndarray:
        """Return the rest, so that `length` samples have come in all."""
        left = self._held.shape[2] - self._before
        before = self._samples
        audio = self._run(left) if left else np.zeros((self._channels, 0), np.float32)
        if length is None:
            return audio
        wanted = max(0, length - before)
        return np.pad(audio[:, :wanted], ((0, 0), (0, max(0, wanted - audio.shape[1]))))

    def _run(self, count: int) -> np.ndarray:
        """Run the next `count` frames with all the context there is."""
        stop = min(self._held.shape[2], self._before + count + self._network.context)
        values = self._encoded(self._held[:, :, :stop])
        device = next(self._network.parameters()).device
        with torch.inference_mode():
            audio = self._network(torch.from_numpy(values).to(device)).cpu().numpy()[:, 0]
        hop = self._network.hop
        audio = audio[:, self._before * hop : (self._before + count) * hop]
        keep = max(0, self._before + count - self._network.context)
        self._held, self._before = self._held[:, :, keep:], self._before + count - keep
        self._samples += audio.shape[1]
        return np.ascontiguousarray(audio, dtype=np.float32)

    def _encoded(self, mel: np.ndarray) -> np.ndarray:
        low = np.maximum(mel, self._transform.floor)
        return np.ascontiguousarray(np.log10(low) if self._transform.scale == "log10" else np.log(low), np.float32)


def check_frontend(transform: Transform, wanted: Mapping[str, Any], name: str) -> None:
    """Refuse a spectrogram that a vocoder was not made for, with the command that makes the right one.

    Raises:
        ModelError: they differ.
    """
    from audiokit.dsp.spectrum.transform import Transform

    preset = wanted.get("preset")
    command = f"audiokit spectro SOUND -o SOUND.chunks --preset {preset}"
    if transform.kind != "mel":
        raise ModelError(f"{name}: needs mel frames, not {transform.kind}", hint=f"make them with: {command}")
    model = Transform.from_dict({**wanted, "preset": None})
    theirs, mine = ({**t.front_end, "pad": t.sides} for t in (model, transform))
    differing = [f"{key} {mine.get(key)} instead of {value}" for key, value in theirs.items() if mine.get(key) != value]
    if differing:
        raise ModelError(
            f"{name}: made for another front-end ({', '.join(differing)})", hint=f"make it with: {command}"
        )
