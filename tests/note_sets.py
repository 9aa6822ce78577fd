"""Small sets of synthetic notes, and a note model trained on nothing, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiokit.dsp.notes.additive import note_blocks
from audiokit.dsp.notes.notes import NoteShape, midi_to_hz
from audiokit.io.audio import write
from audiokit.io.nsynth import example, write_examples

RATE = 16000


def rendered(shape: NoteShape, pitch: float, **how) -> np.ndarray:
    """The whole of a note (T,)."""
    return np.concatenate([*note_blocks(shape, pitch, **how)])


def synthetic_note(pitch: int, velocity: int, *, bright: bool, held_s: float = 3.0) -> np.ndarray:
    """A decaying bright or a steady dark note of 4 s."""
    t = np.arange(4 * RATE) / RATE
    f0 = midi_to_hz(pitch)
    count = int(min(20 if bright else 4, 7500 // f0))
    y = sum(np.sin(2 * np.pi * k * f0 * t + k) * (0.9 if bright else 0.5) ** k for k in range(1, count + 1))
    y = y * (velocity / 127) * 0.2 * (10 ** (-t) if bright else np.clip(t / 0.05, 0, 1))
    return (y * np.where(t < held_s, 1, 10 ** (-(t - held_s) * 5))).astype(np.float32)


def write_set(folder: Path, *, pitches=(48, 53, 58, 63, 68), velocities=(50, 100)) -> Path:
    """Two instruments in NSynth's layout: a bright guitar that decays and a dark organ that does not."""
    examples = {}
    for number, (family, source, bright) in enumerate((("guitar", "acoustic", True), ("organ", "electronic", False))):
        for pitch in pitches:
            for velocity in velocities:
                name = f"{family}_{source}_000-{pitch:03d}-{velocity:03d}"
                write(folder / "audio" / f"{name}.wav", synthetic_note(pitch, velocity, bright=bright), RATE)
                examples[name] = example(
                    name, instrument=f"{family}_{source}_000", pitch=pitch, velocity=velocity, family=family,
                    source=source, qualities=[], rate=RATE, note=len(examples), instrument_number=number,
                )  # fmt: skip
    write_examples(folder, examples)
    return folder
