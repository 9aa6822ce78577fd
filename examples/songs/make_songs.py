"""Make a pair of short songs, with stems, from nothing but numpy: a pop song with a voice, and a jazzier trio.

    python make_songs.py FOLDER [--seconds 24] [--seed 1]

writes FOLDER/pop/{mixture,vocals,keys,bass,drums}.wav and FOLDER/trio/... at 44.1 kHz stereo, and beats.txt with
the true beat times, so that every example has real-sounding material with known truth and no licence to mind.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiokit.io import audio

RATE = 44_100
#: Vowel formants (Hz) and levels (dB) of a tenor-like voice.
VOWELS = {
    "a": ((650, 0), (1080, -6), (2650, -12), (2900, -14)),
    "e": ((400, 0), (1700, -14), (2600, -12), (3200, -14)),
    "o": ((400, 0), (800, -10), (2600, -18), (2800, -18)),
    "i": ((290, 0), (1870, -15), (2800, -18), (3250, -20)),
}


@dataclass(frozen=True)
class Style:
    """What makes one song different from the other."""

    bpm: float
    tonic: int  # MIDI number
    chords: tuple[tuple[int, ...], ...]  # semitones above the tonic, one per bar
    scale: tuple[int, ...]
    swing: float  # where the off-beat eighth lies inside the beat


STYLES = {
    "pop": Style(112, 57, ((0, 4, 7), (7, 11, 14), (9, 12, 16), (5, 9, 12)), (0, 2, 4, 7, 9), 0.5),
    "trio": Style(
        126, 62, ((2, 5, 9, 12), (7, 11, 14, 17), (0, 4, 7, 11), (9, 13, 16, 19)), (0, 2, 3, 5, 7, 9, 10), 0.62
    ),
}


def hertz(midi: float) -> float:
    return 440.0 * 2 ** ((midi - 69) / 12)


def pluck(rng, midi: float, seconds: float, brightness: float = 1.0) -> np.ndarray:
    """A struck string: stretched partials that die the faster the higher they are, and a knock at the start."""
    t = np.arange(int(seconds * RATE)) / RATE
    f0, y = hertz(midi), np.zeros(len(t))
    for k in range(1, 25):
        f = f0 * k * np.sqrt(1 + 0.0004 * k * k)
        if f > 0.45 * RATE:
            break
        level = brightness ** (k - 1) / k * (0.6 + 0.8 * rng.random())
        y += level * np.exp(-t * (1.1 + 0.35 * k)) * np.sin(2 * np.pi * (f * t + rng.random()))
    knock = rng.standard_normal(len(t)) * np.exp(-t * 140) * 0.12
    return (y * 0.2 + knock) * np.minimum(1, np.arange(len(t)) / 40)


def bass(midi: float, seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    y = sum(np.sin(2 * np.pi * hertz(midi) * k * t) * np.exp(-t * (1 + k)) / k**1.3 for k in range(1, 9))
    return (
        np.tanh(1.4 * y) * 0.4 * np.minimum(1, np.arange(len(t)) / 120) * np.minimum(1, np.arange(len(t))[::-1] / 900)
    )


def kick() -> np.ndarray:
    t = np.arange(int(0.3 * RATE)) / RATE
    return np.sin(2 * np.pi * (48 * t + 6 * (1 - np.exp(-t * 32)))) * np.exp(-t * 11) * 0.9


def snare(rng) -> np.ndarray:
    t = np.arange(int(0.22 * RATE)) / RATE
    hiss = np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-t * 22)
    return 0.28 * hiss + 0.4 * np.sin(2 * np.pi * 187 * t) * np.exp(-t * 26)


def hat(rng, seconds: float = 0.06) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return np.diff(rng.standard_normal(len(t) + 2), 2) * np.exp(-t * (4 / seconds)) * 0.07


def sing(rng, midi: float, seconds: float, vowel: str) -> np.ndarray:
    """A sung vowel: harmonics under formants, vibrato that sets in late, breath at the start."""
    t = np.arange(int(seconds * RATE)) / RATE
    vibrato = 0.35 * np.clip((t - 0.25) / 0.3, 0, 1) * np.sin(2 * np.pi * 5.4 * t)
    scoop = -0.8 * np.exp(-t * 22)
    f0 = hertz(midi) * 2 ** ((vibrato + scoop + 0.03 * rng.standard_normal()) / 12)
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    y = np.zeros(len(t))
    for k in range(1, 60):
        f = hertz(midi) * k
        if f > 9000:
            break
        gain = sum(10 ** (db / 20) / (1 + ((f - centre) / (60 + 0.05 * centre)) ** 2) for centre, db in VOWELS[vowel])
        y += (gain + 0.004) * np.sin(k * phase) / k**0.25
    attack = np.minimum(1, t / 0.05) * np.minimum(1, np.maximum(0, seconds - t) / 0.08)
    breath = np.diff(rng.standard_normal(len(t) + 1)) * (0.012 + 0.08 * np.exp(-t * 40))
    return 0.33 * y * attack + breath * np.minimum(1, np.maximum(0, seconds - t) / 0.05)


def add(track: np.ndarray, sound: np.ndarray, start_s: float, pan: float = 0.5) -> None:
    start = round(start_s * RATE)
    part = sound[: max(0, track.shape[1] - start)]
    track[0, start : start + len(part)] += part * np.cos(pan * np.pi / 2)
    track[1, start : start + len(part)] += part * np.sin(pan * np.pi / 2)


def room(rng, track: np.ndarray, seconds: float, wet: float) -> np.ndarray:
    """Put the track into a small room: decaying noise as impulse response, different on each side."""
    n = int(seconds * RATE)
    size = 1 << int(np.ceil(np.log2(track.shape[1] + n)))
    response = rng.standard_normal((2, n)) * np.exp(-6.9 * np.arange(n) / n) * np.minimum(1, np.arange(n) / 300)
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    reverb = np.fft.irfft(np.fft.rfft(track, size) * np.fft.rfft(response, size), size)[:, : track.shape[1]]
    return track + wet * reverb


def compose(style: Style, seconds: float, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Play one song.

    Returns:
        Stems (2, T) by name, and the beat times in seconds.
    """
    rng = np.random.default_rng(seed)
    beat = 60 / style.bpm
    bars = max(1, int(seconds / (4 * beat)))
    stems = {name: np.zeros((2, int((bars * 4 * beat + 1.2) * RATE))) for name in ("vocals", "keys", "bass", "drums")}
    degree = 4
    for bar in range(bars):
        chord = style.chords[bar % len(style.chords)]
        at = bar * 4 * beat
        for step in range(8):
            time = at + (step // 2 + (style.swing if step % 2 else 0)) * beat
            if step in (0, 3, 5):
                for index, interval in enumerate(chord):
                    add(stems["keys"], pluck(rng, style.tonic + interval, 1.6, 0.86), time + 0.004 * index, 0.35)
            if step in (0, 3, 4, 7):
                add(stems["bass"], bass(style.tonic - 24 + chord[0] + (7 if step == 4 else 0), beat * 0.9), time)
            if step in (0, 5) or (step == 7 and bar % 4 == 3):
                add(stems["drums"], kick(), time)
            if step in (2, 6):
                add(stems["drums"], snare(rng), time, 0.55)
            add(stems["drums"], hat(rng, 0.12 if step == 7 else 0.05), time, 0.7)
        if bar % 4 != 3:  # a phrase of three bars, then a bar to breathe
            step = 0
            while step < 8:
                length = int(rng.choice([1, 1, 2, 2, 3]))
                degree = int(np.clip(degree + rng.integers(-2, 3), 0, 2 * len(style.scale) - 1))
                octave, index = divmod(degree, len(style.scale))
                start = at + (step // 2 + (style.swing if step % 2 else 0)) * beat
                note = style.tonic + 12 * octave + style.scale[index]
                add(stems["vocals"], sing(rng, note, length * beat / 2 * 0.95, "aeoi"[int(rng.integers(4))]), start)
                step += length
    wet = {"vocals": 0.25, "keys": 0.2, "bass": 0.02, "drums": 0.12}
    stems = {name: room(rng, track, 0.9, wet[name]) for name, track in stems.items()}
    peak = np.abs(sum(stems.values())).max()
    return {name: (0.7 / peak * track).astype(np.float32) for name, track in stems.items()}, np.arange(bars * 4) * beat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=24)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for index, (name, style) in enumerate(STYLES.items()):
        stems, beats = compose(style, arguments.seconds, arguments.seed + index)
        for stem, y in {**stems, "mixture": sum(stems.values())}.items():
            audio.write(arguments.folder / name / f"{stem}.wav", y, RATE, subtype="PCM_16", force=True)
        (arguments.folder / name / "beats.txt").write_text("".join(f"{beat:.6f}\n" for beat in beats))


if __name__ == "__main__":
    main()
