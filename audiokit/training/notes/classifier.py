"""Training of the family classifier that judges generated notes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from audiokit.dsp.spectrum.mel import mel_filterbank
from audiokit.dsp.spectrum.stft import stft
from audiokit.io.nsynth import FAMILIES
from audiokit.models.notes import classifier as net
from audiokit.training.engine.loop import OneNetwork, update

_RANGE_DB = 80.0


def picture(y: np.ndarray) -> np.ndarray:
    """Turn audio (T,) at 16 kHz into what the classifier sees (MELS, FRAMES): 80 dB below the loudest to 0..1."""
    need = (net.FRAMES - 1) * net.HOP
    y = np.pad(y, (0, max(0, need - len(y))))[:need].astype(np.float32)
    S = np.abs(stft(y[None], n_fft=net.N_FFT, hop=net.HOP))[0]
    mel = mel_filterbank(net.RATE, net.N_FFT, net.MELS, 30.0) @ S
    db = 20 * np.log10(np.maximum(mel, 1e-7))
    return np.maximum((db - db.max()) / _RANGE_DB + 1, 0).astype(np.float32)


@dataclass
class NoteClassifierSettings:
    """What decides a training run.

    Attributes:
        width: of the network.
        batch: notes per step.
        rate: learning rate.
    """

    width: int = 16
    batch: int = 32
    rate: float = 2e-3


class NoteClassifierRecipe(OneNetwork):
    """Name the family of real notes.

    Args:
        pictures: (N, MELS, FRAMES).
        family: NSynth's numbers (N,).
        held_out: which notes to validate on (N,).
        settings: sizes.
        card: licence and training data for the model card.
        seed: of the first weights.
    """

    called = "note_classifier"

    def __init__(
        self,
        pictures: np.ndarray,
        family: np.ndarray,
        held_out: np.ndarray,
        settings: NoteClassifierSettings,
        *,
        card: dict[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        torch.manual_seed(seed)
        self.pictures, self.family, self.choices, self.card = pictures, family, settings, card or {}
        self.train, self.test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        self.network = net.NoteClassifier(len(FAMILIES), settings.width)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), settings.rate, weight_decay=0.02)
        count = np.bincount(family[self.train], minlength=len(FAMILIES))
        self.chance = (1 / np.sqrt(np.maximum(count, 1)))[family[self.train]]
        self.chance /= self.chance.sum()

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        return {**vars(self.choices), "notes": len(self.family)}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Name one batch; level, start and bandwidth vary, so that only the sound can tell."""
        index = rng.choice(self.train, self.choices.batch, p=self.chance)
        x = self.pictures[index].astype(np.float32)
        for row in range(len(x)):
            shift = int(rng.integers(0, 4))
            x[row] = np.roll(x[row], shift, axis=1)
            x[row, :, :shift] = 0
            if rng.random() < 0.2:
                x[row, int(rng.integers(40, net.MELS)) :] = 0
        scores = self.network(torch.from_numpy(x))
        loss = F.cross_entropy(scores, torch.from_numpy(self.family[index]), label_smoothing=0.05)
        update(self.optimizer, loss, clip=5.0)
        return {"loss": loss.detach()}

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Accuracy on held-out notes."""
        return {"accuracy": float((classify(self.network, self.pictures[self.test]) == self.family[self.test]).mean())}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        card = {
            "architecture": "note-classifier",
            "settings": {"families": len(FAMILIES), "width": self.choices.width},
            "kind": "score",
            "labels": {"families": list(FAMILIES)},
            **self.card,
        }
        place_model(folder, self.network, card)


@torch.no_grad()
def embed(network: net.NoteClassifier, pictures: np.ndarray) -> np.ndarray:
    """Embeddings (N, EMBEDDING) of pictures (N, MELS, FRAMES)."""
    parts = [network.embedding(torch.from_numpy(np.asarray(p, np.float32))) for p in _batches(pictures)]
    return torch.cat(parts).numpy()


@torch.no_grad()
def classify(network: net.NoteClassifier, pictures: np.ndarray) -> np.ndarray:
    """Family numbers (N,) of pictures (N, MELS, FRAMES)."""
    parts = [network(torch.from_numpy(np.asarray(p, np.float32))).argmax(1) for p in _batches(pictures)]
    return torch.cat(parts).numpy()


def _batches(x: np.ndarray) -> list[np.ndarray]:
    return [x[start : start + 64] for start in range(0, len(x), 64)]
