"""Training of the comb-source note decoder (`audiokit.models.notes.decoder`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from audiokit.dsp.notes.bands import N_BANDS, NOISE_EDGES_HZ
from audiokit.dsp.notes.notes import GROUPS, HALVES, HALVES_FROM_HZ, N_GROUPS, SINGLE, midi_to_hz
from audiokit.dsp.notes.time_grid import FLOOR_DB, HELD_S
from audiokit.models.notes.decoder import FRAMES, NoteDecoder
from audiokit.models.notes.scale import MIDDLE_DB, SPAN_DB
from audiokit.training.engine.loop import OneNetwork, update
from audiokit.training.notes.notes import NoteSet
from audiokit.training.notes.pictures import TimedRecipe

_FLOOR = (FLOOR_DB - MIDDLE_DB) / SPAN_DB


@dataclass
class NoteDecoderSettings:
    """What decides a training run.

    Attributes:
        latent, width, depth, basis: of the network.
        batch: notes per step.
        frames: points in time per step, drawn anew for each.
        rate: learning rate at its peak.
        kl: weight of the latent's divergence from a standard normal.
    """

    latent: int = 24
    width: int = 448
    depth: int = 4
    basis: int = 192
    batch: int = 64
    frames: int = 32
    rate: float = 1e-3
    kl: float = 3e-4


class NoteDecoderRecipe(TimedRecipe, OneNetwork):
    """Learn to describe any note of an instrument from one of its notes.

    Each step shows the encoder one note and asks the decoder for another of the same instrument (half of the
    time the same one), so the latent has to hold the instrument and nothing of the pitch. Part of the notes
    the encoder hears are cut short or dulled, as recordings are.

    Args:
        notes: the descriptions; those at `notes.held_out` are validated on and never trained on.
        settings: sizes and weights.
        device: torch device.
        seed: of the first weights.
    """

    called = "note_decoder"

    def __init__(self, notes: NoteSet, settings: NoteDecoderSettings, *, device: str = "cpu", seed: int = 0) -> None:
        torch.manual_seed(seed)
        super().__init__()
        self.notes, self.choices, self.device = notes, settings, torch.device(device)
        self.train = np.flatnonzero(~notes.held_out)
        self.test = np.flatnonzero(notes.held_out)
        self.network = NoteDecoder(
            settings.latent, settings.width, settings.depth, settings.basis, len(notes.instruments)
        )
        self._start_basis(seed)
        self.network.to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.places = {
            i: np.flatnonzero(~notes.held_out & (notes.instrument == i)) for i in range(len(notes.instruments))
        }
        self.weight, self.counts = _audibility(notes)
        self.peak = notes.levels.max((1, 2))
        self.sustain = np.stack([x[:N_GROUPS, 8:40].mean(1, dtype=np.float32) for x in notes.levels])

    def _start_basis(self, seed: int) -> None:
        """Begin with the principal components of the training notes."""
        rng = np.random.default_rng(seed)
        some = rng.permutation(self.train)[:3000]
        x = torch.from_numpy(self.notes.levels[some].astype(np.float32)).flatten(1)
        mean = x.mean(0)
        count = min(self.choices.basis, len(x) - 1)
        _, _, directions = torch.svd_lowrank(x - mean, q=min(count + 10, *x.shape), niter=2)
        with torch.no_grad():
            self.network.basis.bias.copy_(mean)
            self.network.basis.weight.mul_(0.01)
            self.network.basis.weight[:, :count] = directions[:, :count]
            self.network.constant_mean.copy_(torch.from_numpy(self.notes.constants[some]).mean(0))

    def settings(self) -> dict[str, Any]:
        """What a resumed run must share."""
        return {**vars(self.choices), "instruments": len(self.notes.instruments), "notes": len(self.notes)}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Describe one batch of notes from other notes of their instruments."""
        self.steps_taken += 1
        wanted = rng.choice(self.train, self.choices.batch)
        heard = wanted.copy()
        for row in np.flatnonzero(rng.random(len(wanted)) < 0.7):
            heard[row] = rng.choice(self.places[int(self.notes.instrument[wanted[row]])])
        mean, variance = self.network.encode(*self._hear(heard, rng))
        latent = mean + torch.randn_like(mean) * (0.5 * variance).exp()
        frames = np.sort(rng.permutation(FRAMES)[: self.choices.frames])
        levels, constants = self.network(latent, *self._keys(wanted), frames=torch.from_numpy(frames).to(self.device))
        losses = self._losses(levels, constants, wanted, frames)
        divergence = 0.5 * (mean**2 + variance.exp() - 1 - variance).sum(1).mean()
        total = sum(losses.values()) + self.choices.kl * divergence
        update(self.optimizer, total, clip=1.0)
        return {**{k: v.detach() for k, v in losses.items()}, "divergence": divergence.detach()}

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Describe held-out notes from their instrument's centre, and from one other note."""
        self._place_instruments()
        out = {}
        index = self.test[:: max(1, len(self.test) // 512)] if len(self.test) else self.train[:256]
        rng = np.random.default_rng(0)
        owner = self.notes.instrument[index]
        others = np.array([rng.choice(self.places[int(i)]) for i in owner])
        single = self.network.encode(*self._hear(others, None))[0]
        for name, latent in (("held_out", self.network.centres[owner]), ("from_one_note", single)):
            levels, constants = self.network(latent, *self._keys(index))
            losses = self._losses(levels, constants, index)
            out[name] = float(sum(losses.values()))
            out[f"{name}_db"] = SPAN_DB * float(losses["levels"])
        return out

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.engine.export import place_model

        self._place_instruments()
        c = self.choices
        sizes = {"latent": c.latent, "width": c.width, "depth": c.depth, "basis": c.basis}
        card = {
            "architecture": "note-decoder",
            "settings": {**sizes, "instruments": len(self.notes.instruments)},
            "kind": "generate",
            "training": self.effort(),
            **self.notes.card(),
        }
        place_model(folder, self.network, card, dtype="float16")

    @torch.no_grad()
    def _place_instruments(self) -> None:
        """Set the prior: where each instrument's training notes lie."""
        for i, members in self.places.items():
            part = members[:: max(1, len(members) // 64)]
            mean, _ = self.network.encode(*self._hear(part, None))
            self.network.centres[i] = mean.mean(0)
            self.network.scatter[i] = mean.std(0, unbiased=False).clamp(min=0.02)

    def _keys(self, index: np.ndarray) -> tuple[Tensor, Tensor]:
        return (
            torch.from_numpy(self.notes.pitch[index]).to(self.device),
            torch.from_numpy(self.notes.velocity[index]).to(self.device),
        )

    def _hear(self, index: np.ndarray, rng: np.random.Generator | None) -> tuple[Tensor, ...]:
        """What the encoder gets: with `rng`, some notes are cut short, some dulled."""
        levels = self.notes.levels[index].astype(np.float32)
        seen = np.ones((len(index), 2), np.float32)
        if rng is not None:
            for row in np.flatnonzero(rng.random(len(index)) < 0.3):
                seen[row, 0] = shorten(levels[row], float(rng.uniform(0.3, 2.8))) / 3
            for row in np.flatnonzero(rng.random(len(index)) < 0.3):
                seen[row, 1] = dull(levels[row], float(self.notes.pitch[index[row]]), rng.uniform(5000, 12000)) / 16000
        constants = torch.from_numpy(self.notes.constants[index]).to(self.device)
        frames = torch.from_numpy(levels).to(self.device)
        return frames, constants, *self._keys(index), torch.from_numpy(seen).to(self.device)

    def _losses(
        self, levels: Tensor, constants: Tensor, index: np.ndarray, frames: np.ndarray | None = None
    ) -> dict[str, Tensor]:
        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(self.device)

        truth = tensor(self.notes.levels[index] if frames is None else self.notes.levels[index][:, :, frames])
        audible = tensor(self.weight[index])[:, :, None]
        weight = audible * _loudness_weight(truth, tensor(self.peak[index])[:, None, None])
        error = ((levels - truth).abs() * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-3)
        counts = tensor(self.counts[index])
        total, total_truth = _total(levels, counts), _total(truth, counts)
        heard = (total_truth > -1.9).float()
        loudness = ((total - total_truth).abs() * heard).sum(1) / heard.sum(1).clamp(min=1)
        fixed = tensor(self.notes.constants[index])
        constant_weight = _constant_weight(tensor(self.sustain[index]), fixed)
        return {
            "levels": error.mean(),
            "loudness": 0.3 * loudness.mean(),
            "constants": 0.3 * ((constants - fixed).abs() * constant_weight).mean(),
        }


def _constant_weight(sustain: Tensor, constants: Tensor) -> Tensor:
    """Deviation and beating count where the partial is loud; speeds count where there is something to move."""
    loud = ((sustain - sustain.amax(1, keepdim=True)) * SPAN_DB / 60 + 1).clamp(0.02, 1.0)
    numbers = torch.ones_like(constants[:, -6:])
    numbers[:, 3] = constants[:, -4].clamp(0, 1)
    numbers[:, 5] = constants[:, -2].clamp(0, 1)
    return torch.cat([4 * loud[:, :SINGLE], loud, 2 * numbers], dim=1)


def _loudness_weight(truth: Tensor, peak: Tensor) -> Tensor:
    """How much a level matters (B, C, N): fully within 35 dB of the note's loudest partial, little 70 dB below."""
    return ((truth - peak) * SPAN_DB / 62.5 + 1.4).clamp(0.08, 1.0)


def _total(levels: Tensor, counts: Tensor) -> Tensor:
    """Level of the whole note over time (B, N), on the scale of the network."""
    power = (torch.pow(10.0, SPAN_DB / 10 * levels.clamp(max=2.5)) * counts[:, :, None]).sum(1)
    return torch.log10(power + 1e-6) * 10 / SPAN_DB


def _audibility(notes: NoteSet) -> tuple[np.ndarray, np.ndarray]:
    """Which channels exist at a note's pitch (N, C), and how many partials each stands for."""
    top = np.array([notes.top_hz // midi_to_hz(p) for p in notes.pitch])
    counts = np.clip(top[:, None] - GROUPS[:-1] + 1, 0, np.diff(GROUPS)).astype(np.float32)
    bands = (NOISE_EDGES_HZ[:-1] < notes.top_hz).astype(np.float32)
    noise = np.broadcast_to(bands, (len(notes), N_BANDS))
    f0 = np.array([midi_to_hz(p) for p in notes.pitch])[:, None]
    halves = ((f0 >= HALVES_FROM_HZ) & (HALVES * f0 < notes.top_hz)).astype(np.float32)
    singles = np.minimum(counts, 1) * (1 + 0.25 * np.log(np.maximum(counts, 1)))
    weight = np.concatenate([singles, 0.7 * noise, 0.7 * halves], axis=1)
    return weight.astype(np.float16), np.concatenate([counts, 2 * noise, halves], axis=1).astype(np.float32)


def shorten(levels: np.ndarray, seen_s: float) -> float:
    """Make a note (C, N) look as if it had been recorded for a while only, in place; returns the time seen.

    What `audiokit.dsp.notes.notes.analyse_note` does with a short recording: the rest goes on as the last part went.
    """
    held = int(np.searchsorted(HELD_S, seen_s)) - 1
    back = int(np.searchsorted(HELD_S, HELD_S[held] * 0.6))
    slope = np.minimum((levels[:, held] - levels[:, back]) / max(HELD_S[held] - HELD_S[back], 1e-3), 0)
    last = len(HELD_S)
    course = levels[:, held : held + 1] + slope[:, None] * (HELD_S[held + 1 :] - HELD_S[held])
    levels[:, held + 1 : last] = np.maximum(course, _FLOOR)
    return float(HELD_S[held])


def dull(levels: np.ndarray, pitch: float, top_hz: float) -> float:
    """Take away from a note (C, N) what lies above a frequency, in place; returns the frequency."""
    highest = GROUPS[:-1] * midi_to_hz(pitch)
    levels[:N_GROUPS][highest > top_hz] = _FLOOR
    levels[N_GROUPS : N_GROUPS + N_BANDS][NOISE_EDGES_HZ[:-1] >= top_hz] = _FLOOR
    levels[N_GROUPS + N_BANDS :][HALVES * midi_to_hz(pitch) > top_hz] = _FLOOR
    return top_hz
