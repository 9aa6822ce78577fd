"""Training of the mel inverter (`audiokit.models.vocoders.mel2linear`) on any audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audiokit.dsp.spectrum.transform import Transform
from audiokit.errors import InputError, ParameterError
from audiokit.models.folder.runtime import TorchNetwork
from audiokit.models.vocoders.mel2linear import FLOOR, Mel2Linear
from audiokit.models.vocoders.mel_linear import linear_magnitude
from audiokit.training.engine.loop import OneNetwork, cosine, update
from audiokit.training.engine.options import RunOptions
from audiokit.training.sound.settings import Mel2LinearSettings

#: Sounds are also learnt from played slower and faster: other pitches, other voices.
SPEEDS = (1.0, 0.84, 1.19)


class Mel2LinearRecipe(OneNetwork):
    """Learn the linear magnitude behind mel bands.

    The loss is the mean absolute difference of log magnitudes, half of it with low frequencies weighted up as the
    ear does, plus the relative error of the magnitudes.

    Args:
        sounds: mono sounds at the front-end's rate, (T,), int16.
        held_out: sounds to validate on.
        transform: the front-end, kind "mel".
        settings: sizes and rates.
        device: torch device.
        seed: of the first weights.
        card: more fields for model.json (labels, licence, training_data).
    """

    called = "network"

    def __init__(
        self,
        sounds: Sequence[np.ndarray],
        held_out: Sequence[np.ndarray],
        transform: Transform,
        settings: Mel2LinearSettings,
        *,
        device: str = "cpu",
        seed: int = 0,
        card: dict[str, Any] | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.transform, self.choices, self.device = transform, settings, torch.device(device)
        self.span = (settings.frames - 1) * transform.hop + transform.n_fft
        self.sounds = [sound for sound in sounds if len(sound) > self.span]
        self.held_out = [sound for sound in held_out if len(sound) > self.span]
        if not self.sounds:
            raise InputError(
                f"no sound to train on is as long as one crop ({self.span / transform.rate:.2f} s)",
                hint="give more or longer audio, or fewer --frames",
            )
        lengths = np.array([len(sound) for sound in self.sounds], np.float64)
        self.shares = lengths / lengths.sum()
        frontend = transform.front_end
        self.card_settings = {key: frontend[key] for key in frontend if key not in ("hop", "window")}
        self.card_settings.update(width=settings.width, depth=settings.depth)
        self.card = card or {}
        self.network = Mel2Linear(**self.card_settings).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        hz = torch.linspace(0, transform.rate / 2, transform.n_fft // 2 + 1)
        ear = 1 / (hz + 1000)
        self.weight = (0.5 + 0.5 * ear / ear.mean())[None, :, None].to(self.device)
        self.filters = torch.from_numpy(transform.filters.copy()).to(self.device)
        self.window = torch.hann_window(transform.n_fft, device=self.device)

    def settings(self) -> dict[str, Any]:
        """Return what must be the same when a run is resumed."""
        return {**asdict(self.choices), "front_end": self.transform.front_end}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Train on one batch of random crops."""
        crops = np.empty((self.choices.batch, self.span), np.float32)
        for row in crops:
            sound = self.sounds[rng.choice(len(self.sounds), p=self.shares)]
            start = rng.integers(len(sound) - self.span)
            row[:] = sound[start : start + self.span]
            row *= 10 ** (rng.uniform(*self.choices.gain_db) / 20) / max(2000.0, np.abs(row).max())
        distance, relative = self.losses(torch.from_numpy(crops).to(self.device))
        update(self.optimizer, distance + relative, clip=1.0)
        return {"log_distance": distance.detach(), "relative": relative.detach()}

    def losses(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Compare the prediction for crops (B, T) with the truth: log distance (nats), relative error."""
        t = self.transform
        S = torch.stft(y, t.n_fft, t.hop, window=self.window, center=False, return_complex=True)
        magnitude = S.abs()
        predicted = self.network(self.filters @ magnitude**t.power).clamp(max=9).exp()
        difference = (predicted + FLOOR).log() - (magnitude + FLOOR).log()
        relative = (predicted - magnitude).flatten(1).norm(dim=1) / magnitude.flatten(1).norm(dim=1).clamp(min=1)
        return (difference.abs() * self.weight).mean(), relative.mean()

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure on the held-out sounds; write one of them, inverted, to hear."""
        from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
        from audiokit.dsp.spectrum.phase import retrieve_phase
        from audiokit.dsp.spectrum.stft import istft, stft
        from audiokit.io.audio import write

        rows = [sound[: 4 * self.span].astype(np.float32) / 32768 for sound in self.held_out]
        values = [self.losses(torch.from_numpy(row[None]).to(self.device)) for row in rows]
        if not values:
            return {}
        t = self.transform
        S = stft(rows[0][None], n_fft=t.n_fft, hop=t.hop)
        mel = t.filters @ np.abs(S) ** t.power
        magnitude = linear_magnitude(mel, TorchNetwork(self.network, {}), t)
        phase = retrieve_phase(magnitude, PhaseSettings(t.n_fft, t.hop), length=len(rows[0]))
        write(
            folder / f"step-{step:06d}.wav",
            istft(phase, n_fft=t.n_fft, hop=t.hop, length=len(rows[0])),
            t.rate,
            force=True,
        )
        return {
            "held_out_log_distance": float(np.mean([float(a) for a, _ in values])),
            "held_out_relative": float(np.mean([float(b) for _, b in values])),
        }

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder, with half-precision storage."""
        from audiokit.models.folder.checkpoint import save

        card = {
            "architecture": "mel2linear",
            "settings": self.card_settings,
            "kind": "mel2linear",
            "frontend": self.transform.front_end,
            **self.card,
        }
        save(folder / "model", self.network, card, dtype="float16")


def load_sounds(files: Sequence[str | Path], rate: int, *, speeds: Sequence[float] = (1.0,)) -> list[np.ndarray]:
    """Read audio files as mono int16 at a rate, each also at the given playing speeds.

    Args:
        files: audio files.
        rate: sample rate in Hz.
        speeds: 1 is the sound as it is, 2 an octave up and twice as fast.

    Returns:
        Sounds (T,), int16, peaks as they were but at most full scale; silent files are left out.

    Raises:
        InputError: no file can be read, or nothing is heard in any.
    """
    from audiokit.io.audio import read
    from audiokit.training.engine.sources import read_each, refuse_silence

    def at_every_speed(file: str) -> list[np.ndarray]:
        return [read(file, rate=round(rate / speed), mono=True)[0] for speed in speeds]

    sounds = []
    for _, copies in read_each([str(file) for file in files], at_every_speed):
        for y in copies:
            if y.any():
                peak = max(1.0, float(np.abs(y).max()))
                sounds.append(np.round(y[0] * (32767 / peak)).astype(np.int16))
    refuse_silence(files, heard=bool(sounds))
    return sounds


def train_mel2linear(
    inputs: Sequence[str],
    held_out: Sequence[str],
    transform: Transform,
    settings: Mel2LinearSettings,
    *,
    run: RunOptions,
) -> dict[str, float]:
    """Train a mel inverter on files and folders of audio, and say where it is.

    Args:
        inputs: audio files and folders to learn from.
        held_out: files and folders to measure on, never learnt from.
        transform: the front-end, kind "mel".
        settings: sizes and rates.
        run: how long, where, and what goes into the model card.

    Returns:
        The last measurements, with step and seconds.

    Raises:
        ParameterError: the front-end holds no mel bands.
        InputError: there is no audio, or too little.
    """
    from audiokit.training.engine.sources import find_files

    if transform.kind != "mel":
        raise ParameterError(f"a {transform.kind} front-end has no mel bands", hint="choose a preset with mel bands")
    files = find_files(inputs)
    tests = find_files(held_out, part="test")
    sounds = load_sounds(files, transform.rate, speeds=SPEEDS)
    recipe = Mel2LinearRecipe(
        sounds,
        load_sounds(tests, transform.rate),
        transform,
        settings,
        device=run.place(),
        seed=run.seed,
        card={
            "licence": run.licence,
            "training_data": run.source or f"{len(files)} files",
            "minutes": round(sum(map(len, sounds)) / len(SPEEDS) / transform.rate / 60, 1),
        },
    )
    steps = run.steps or 5000
    values = run.fit(recipe, steps=steps, validate_every=min(steps, 500), schedule=cosine())
    run.tell(values, model="model")
    return values
