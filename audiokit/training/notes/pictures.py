"""Notes as pictures (`audiokit.models.notes.layers`) with their labels, for the GANs and the autoencoder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audiokit.dsp.effects.effects import drive, reverb
from audiokit.io.nsynth import FAMILIES, QUALITIES
from audiokit.models.notes import cgan as note_cgan
from audiokit.models.notes import layers as note_layers
from audiokit.training.engine.loop import Recipe

SAMPLES = 4 * note_layers.RATE
#: Pictures of so many notes are kept in memory (half a gigabyte); more are painted anew for every batch.
_KEEP = 8000


@dataclass
class NoteSounds:
    """Notes as audio with labels.

    Attributes:
        audio: (N, SAMPLES), int16, 16 kHz.
        pitch, velocity: (N,).
        family: NSynth's numbers (N,).
        qualities: 0 or 1 (N, 10), of the dry notes.
        held_out: which notes are never trained on (N,).
        card: labels, licence and the like for the model card.
    """

    audio: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    family: np.ndarray
    qualities: np.ndarray
    held_out: np.ndarray
    card: dict[str, Any] = field(default_factory=dict)
    _dry: Tensor | None = None

    def __len__(self) -> int:
        return len(self.audio)

    def batch(
        self, index: np.ndarray, rng: np.random.Generator | None = None, *, processed: float = 0.3
    ) -> tuple[Tensor, Tensor]:
        """Read pictures (B, FOLD, ROWS, COLUMNS) and conditions (B, CONDITION).

        With `rng`, a share of the notes is distorted or put into a room, and labelled so.
        """
        audio = self.audio[index].astype(np.float32) / 32768
        qualities = self.qualities[index].astype(np.float32)
        changed = np.zeros(len(index), bool)
        if rng is not None:
            changed = rng.random(len(index)) < processed
            for row in np.flatnonzero(changed):
                effect = ("distortion", "reverb")[int(rng.integers(2))]
                amount = float(rng.uniform(0.3, 1.0))
                if effect == "distortion":
                    audio[row] = drive(audio[row], amount)
                else:
                    audio[row] = reverb(audio[row], note_layers.RATE, amount, rng=rng)[:SAMPLES]
                qualities[row, QUALITIES.index(effect)] = amount
        condition = note_cgan.condition(
            torch.from_numpy(np.clip(self.pitch[index], note_cgan.LOWEST, note_cgan.HIGHEST)),
            torch.from_numpy(self.family[index]),
            torch.from_numpy(self.velocity[index]),
            torch.from_numpy(qualities),
        )
        if self._dry is None and len(self) <= _KEEP:
            self._dry = torch.cat([self._look(slice(at, at + 64)) for at in range(0, len(self), 64)])
        if self._dry is None:
            return pictures(audio), condition
        seen = self._dry[torch.from_numpy(index)].float()
        if changed.any():
            seen[torch.from_numpy(changed)] = pictures(audio[changed])
        return seen, condition

    def _look(self, part: slice) -> Tensor:
        return pictures(self.audio[part].astype(np.float32) / 32768).half()


class TimedRecipe(Recipe):
    """A recipe that tells the model card how long it was trained: steps, and minutes of one processor."""

    def __init__(self) -> None:
        self.steps_taken = 0
        self._before_s, self._since = 0.0, time.process_time()

    def effort(self) -> dict[str, float]:
        """Say what was spent so far, in earlier sittings too."""
        return {"steps": self.steps_taken, "processor_minutes": round(self._seconds() / 60, 2)}

    def state(self) -> dict[str, Any]:
        """What a resumed run has spent already."""
        return {"steps_taken": self.steps_taken, "processor_s": self._seconds()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self.steps_taken, self._before_s = int(state["steps_taken"]), float(state["processor_s"])
        self._since = time.process_time()

    def _seconds(self) -> float:
        return self._before_s + time.process_time() - self._since


def pictures(audio: np.ndarray) -> Tensor:
    """Turn audio (B, SAMPLES) at 16 kHz into pictures (B, FOLD, ROWS, COLUMNS), peaks brought to 0.5."""
    y = torch.from_numpy(audio)
    y = y * (0.5 / y.abs().amax(1, keepdim=True).clamp(min=1e-4))
    window = torch.hann_window(note_layers.N_FFT)
    S = torch.stft(
        y, note_layers.N_FFT, note_layers.HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return note_layers.to_picture(S.abs())


def write_samples(folder: Path, step: int, picture: Tensor) -> None:
    """Write the first pictures of a batch as audio, to hear a run: `samples/<step>-<n>.wav`."""
    from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
    from audiokit.dsp.spectrum.phase import retrieve_phase
    from audiokit.dsp.spectrum.stft import istft
    from audiokit.io.audio import write

    magnitude = note_layers.from_picture(picture[:4]).cpu().numpy()
    settings = PhaseSettings(note_layers.N_FFT, note_layers.HOP, iterations=16)
    for n, one in enumerate(magnitude):
        S = retrieve_phase(one[None], settings, rng=np.random.default_rng(0))
        y = istft(S, n_fft=note_layers.N_FFT, hop=note_layers.HOP, length=(note_layers.FRAMES - 1) * note_layers.HOP)
        write(folder / "samples" / f"{step:06d}-{n}.wav", y, note_layers.RATE, force=True)


def families_of(names: list[str]) -> np.ndarray:
    """Numbers of families by name."""
    return np.array([FAMILIES.index(name) for name in names])
