"""Vocoders by name, folder or official checkpoint, and how `invert` runs them block by block."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audiokit.errors import ModelError
from audiokit.models.folder.recognise import not_a

if TYPE_CHECKING:
    from audiokit.dsp.spectrum.transform import Transform
    from audiokit.models.folder.runtime import Network
    from audiokit.models.vocoders.base import Vocoder


#: Frames that go through a network at once, context aside.
SEGMENT = 256


def load_vocoder(spec: str, *, device: str = "auto") -> Network:
    """Load a vocoder by name or folder, or straight from an official checkpoint.

    Raises:
        ModelError: there is none, or it is of another kind.
    """
    from audiokit.models.folder.checkpoint import CARD, pick_device
    from audiokit.models.folder.runtime import TorchNetwork, open_network

    if Path(spec).is_file() and Path(spec).name != CARD:
        module, card = import_vocoder(spec)
        return TorchNetwork(module.to(pick_device(device)), card, name=spec)
    return open_network(spec, kind="vocoder", device=device)


def vocoder_module(spec: str) -> Vocoder:
    """Load the module of a vocoder, for training (ModelError as `load_vocoder`)."""
    from audiokit.models.folder.checkpoint import CARD, load

    if Path(spec).is_file() and Path(spec).name != CARD:
        return import_vocoder(spec)[0]
    return cast("Vocoder", load(spec, kind="vocoder")[0])


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

    def __init__(self, transform: Transform, channels: int, network: Network, name: str):
        from audiokit.dsp.spectrum.transform import Transform

        card = network.card
        check_frontend(transform, card["frontend"], name)
        self._hop, self._context = (network.facts()[name] for name in ("hop", "context"))
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
        while self._held.shape[2] >= self._before + SEGMENT + self._context:
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
        stop = min(self._held.shape[2], self._before + count + self._context)
        values = self._encoded(self._held[:, :, :stop])
        # The first layers of some mirror the beginning, which takes four frames.
        short = max(0, 4 - values.shape[2])
        values = np.pad(values, ((0, 0), (0, 0), (0, short)), mode="edge")
        audio = self._network.run(values)[0][:, 0]
        hop = self._hop
        audio = audio[:, self._before * hop : (self._before + count) * hop]
        keep = max(0, self._before + count - self._context)
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
