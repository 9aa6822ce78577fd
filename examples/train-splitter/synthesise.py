"""Electronic backing bands, to train a separator on: synthesisers and a drum machine made of numbers.

    python synthesise.py OUT COUNT

The same made-up arrangements as `make_parts.py play`, on detuned saws, pulses, frequency modulation and plucks instead
of sampled instruments, drums of swept sines and noise, and, at times, a bass drum that pushes all else down and noise
that rises towards the next section. Leads glide and have vibrato, so that neither is a mark of voices.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from make_parts import RATE, band, finished

from audiokit.io.audio import read, write
from audiokit.io.midi_format import Note

SECONDS = 45
DRUMS = 9  # channel
LEAD = 2


class Patch:
    """One sound of a synthesiser, drawn at random."""

    def __init__(self, rng: np.random.Generator, *, lead: bool) -> None:
        """Draw everything that stays between notes."""
        self.kind = rng.choice(["saw", "pulse", "fm"], p=[0.5, 0.25, 0.25])
        self.voices = int(rng.choice([1, 2, 3, 5]))
        self.detune = 2 ** (rng.uniform(-0.2, 0.2, self.voices) * rng.uniform(0.1, 1) / 12)
        self.pan = rng.uniform(0, 1, self.voices) if rng.random() < 0.6 else np.full(self.voices, rng.uniform(0.3, 0.7))
        self.bright, self.dark = 10 ** rng.uniform(3.2, 4.2), 10 ** rng.uniform(2.3, 3.3)  # Hz
        self.closes_s = 10 ** rng.uniform(-1.3, 0.5)  # the filter
        self.attack_s, self.release_s = 10 ** rng.uniform(-2.5, -1 if lead else -0.5), 10 ** rng.uniform(-1.7, -0.3)
        self.decay_s = 10 ** rng.uniform(-1, 1.2)
        self.vibrato_st = rng.uniform(0, 0.5) * lead
        self.glide_s = rng.uniform(0.01, 0.12) * (lead and rng.random() < 0.6)
        self.share, self.depth = rng.choice([0.5, 1, 2, 3, 3.5]), rng.uniform(0.5, 6)  # of frequency modulation
        self.width = rng.uniform(0.1, 0.5)  # of pulses
        self.level = 10 ** (rng.uniform(-8, 4) / 20)

    def table(self, hz: float, cut_hz: float) -> np.ndarray:
        """Compute one cycle, of partials that a filter lets through."""
        k = np.arange(1, max(2, min(200, int(0.45 * RATE / hz))))
        height = 1 / k if self.kind == "saw" else np.sin(np.pi * k * self.width) / k
        height = height / np.sqrt(1 + (k * hz / cut_hz) ** 4)
        spectrum = np.zeros(1025, complex)
        spectrum[k] = -0.5j * height * 2048
        return np.fft.irfft(spectrum)

    def note(self, key: float, before: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
        """Play a note that comes from the key `before`: (2, T)."""
        hz = 440 * 2 ** ((key - 69) / 12)
        t = np.arange(int((seconds + 3 * self.release_s) * RATE)) / RATE
        bend = (before - key) * np.exp(-t / self.glide_s) if self.glide_s else np.zeros_like(t)
        bend = bend + self.vibrato_st * np.minimum(1, 3 * t) * np.sin(2 * np.pi * 5.5 * t)
        cycles = np.cumsum(hz * 2 ** (bend / 12)) / RATE
        opened = np.exp(-t / self.closes_s)
        tables = [self.table(hz, cut) for cut in (self.bright, self.dark)] if self.kind != "fm" else []
        y = np.zeros((2, len(t)))
        for detune, pan in zip(self.detune, self.pan, strict=True):
            phase = cycles * detune + rng.random()
            if tables:
                at = (phase * 2048).astype(int) % 2048
                wave = opened * tables[0][at] + (1 - opened) * tables[1][at]
            else:
                wave = np.sin(2 * np.pi * (phase + self.depth * opened / 6 * np.sin(2 * np.pi * self.share * phase)))
            y += np.array([[np.cos(pan * np.pi / 2)], [np.sin(pan * np.pi / 2)]]) * wave
        held = np.minimum(1, t / self.attack_s) * np.exp(-t / self.decay_s)
        return y * held * np.exp(-np.maximum(0, t - seconds) / self.release_s) * self.level / self.voices**0.5


def stroke(key: int, kit: np.random.Generator) -> np.ndarray:
    """Make a stroke of a drum machine: (T,)."""
    t = np.arange(int(0.5 * RATE)) / RATE
    noise = np.diff(kit.standard_normal(len(t) + 1)) / 2
    if key == 36:
        high, low, fall = kit.uniform(120, 400), kit.uniform(38, 60), kit.uniform(0.015, 0.06)
        sweep = low * t + (high - low) * fall * (1 - np.exp(-t / fall))
        y = np.sin(2 * np.pi * sweep) * np.exp(-t / kit.uniform(0.08, 0.3))
        return np.tanh(y * kit.uniform(1, 5))
    if key in (38, 40, 37):
        body = np.sin(2 * np.pi * kit.uniform(150, 260) * t) * np.exp(-t / 0.06)
        return kit.uniform(0.2, 0.8) * body + kit.uniform(0.4, 1.2) * noise * np.exp(-t / kit.uniform(0.04, 0.15))
    if key == 39:
        return noise * sum(np.exp(-np.maximum(0, t - late) / 0.02) * (t >= late) for late in (0, 0.011, 0.023, 0.03))
    if key in (42, 46, 51):
        edged = np.diff(np.append(noise, 0))
        return edged * np.exp(-t / (kit.uniform(0.015, 0.05) if key == 42 else kit.uniform(0.1, 0.3)))
    return np.sin(2 * np.pi * 2 ** ((key - 50) / 8) * 180 * t) * np.exp(-t / kit.uniform(0.03, 0.2))


def play(notes: list[Note], rng: np.random.Generator) -> np.ndarray:
    """Play an arrangement: (2, T)."""
    size = SECONDS * RATE
    tonal, drums = np.zeros((2, size)), np.zeros((2, size))
    patches: dict[int, Patch] = {}
    kit: dict[int, tuple[np.ndarray, float]] = {}
    last: dict[int, float] = {}
    kicks = []
    for note in notes:
        start = int(note.start_s * RATE)
        if start >= size:
            continue
        loud = (note.velocity / 127) ** 1.5
        if note.channel == DRUMS:
            if note.pitch not in kit:
                kit[note.pitch] = stroke(note.pitch, rng), rng.uniform(0.35, 0.65) if note.pitch > 40 else 0.5
            y, pan = kit[note.pitch]
            y = y[: size - start] * loud
            drums[:, start : start + len(y)] += np.array([[1 - pan], [pan]]) * 2 * y
            kicks += [start] * (note.pitch == 36)
            continue
        if note.channel not in patches:
            patches[note.channel] = Patch(rng, lead=note.channel == LEAD)
        y = patches[note.channel].note(note.pitch, last.get(note.channel, note.pitch), note.end_s - note.start_s, rng)
        last[note.channel] = note.pitch
        y = y[:, : size - start] * loud
        tonal[:, start : start + y.shape[1]] += y
    if rng.random() < 0.5:  # the bass drum pushes the rest down
        since = np.full(size, 1e9)
        for start in kicks:
            since[start:] = np.arange(size - start)
        tonal *= 1 - rng.uniform(0.3, 0.95) * np.exp(-since / (rng.uniform(0.06, 0.25) * RATE))
    if rng.random() < 0.3:  # noise that rises
        rise = np.linspace(0, 1, int(rng.uniform(4, 12) * RATE)) ** 2
        start = int(rng.integers(size - len(rise)))
        tonal[:, start : start + len(rise)] += rng.uniform(0.05, 0.4) * rise * rng.standard_normal((2, len(rise)))
    tonal /= max(np.sqrt(np.mean(tonal**2)), 1e-3)
    drums /= max(np.sqrt(np.mean(drums**2)), 1e-3)
    y = tonal + rng.uniform(0.3, 1.2) * drums
    return 0.5 * y / np.abs(y).max()


def main() -> None:
    """Do what the command line says."""
    out, count = Path(sys.argv[1]), int(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng([13, number])
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "song.wav", play(band(rng, SECONDS).notes, rng).astype(np.float32), RATE)
            y, _ = read(finished(Path(folder) / "song.wav", rng), rate=RATE)
        write(out / f"synth_{number:03d}.flac", 0.5 * y / np.abs(y).max(), RATE, subtype="PCM_16", force=True)


if __name__ == "__main__":
    main()
