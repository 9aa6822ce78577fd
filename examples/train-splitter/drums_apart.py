"""Songs in layers, with the drums apart, to train a separator of drums on: drums, other and, at times, a voice.

    python drums_apart.py OUT SOUNDFONT COUNT [--kits KITS] [--voices VOICES]

The bands are those of `make_parts.py play`, without their drums; a drummer of its own plays beside each: rock, house,
breaks, half time, jazz, Latin percussion, or only a hi-hat or a bass drum, with fills, swing and pauses. It plays kits
of the soundfont, a drum machine made of numbers, or recorded kits: KITS holds a folder of each, and in that one folder
for every key of General MIDI (36 is the bass drum), with recordings from soft to loud by name. Drums and band go
through rooms, compressors, equalisers and lossy coders of their own; VOICES are recordings of voices, strung together
to a third layer that belongs to "other".
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from make_parts import RATE, band, room
from synthesise import stroke

from audiokit.io.audio import read, write
from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score
from audiokit.training.sound.stem_mixes import find_audio
from audiokit.training.sound.studio import as_stereo, placed, sung_through

SECONDS = 45.0
DRUMS = 9  # channel
PROGRAMS = (0, 0, 8, 16, 24, 25, 32, 40)  # standard, room, power, electronic, 808, jazz, brushes
STYLES = {
    "rock": 0.3,
    "house": 0.16,
    "breaks": 0.14,
    "half": 0.1,
    "jazz": 0.1,
    "latin": 0.08,
    "hats": 0.06,
    "kick": 0.06,
}
Hit = tuple[float, int, float]  # seconds, key, loudness


def bar_of(style: str, rng: np.random.Generator) -> dict[int, list[tuple[float, float]]]:
    """Make up a bar: key -> sixteenths and how loud they are."""

    def some(count: int, low: float, high: float) -> list[tuple[float, float]]:
        return [(float(slot), rng.uniform(low, high)) for slot in rng.choice(16, count, replace=False)]

    steps = int(rng.choice([1, 2, 2, 4]))
    hats = [(float(slot), rng.uniform(0.5, 0.75) + 0.25 * (slot % 4 == 0)) for slot in range(0, 16, steps)]
    snare, hat = int(rng.choice([38, 38, 40, 40, 39, 37])), int(rng.choice([42, 42, 51, 44, 53, 54, 70, 82, 69]))
    back = [(4.0, 1.0), (12.0, 1.0)]
    if style == "rock":
        return {36: [(0.0, 1.0), *some(2, 0.8, 0.9)], snare: [*back, *some(rng.integers(4), 0.15, 0.4)], hat: hats}
    if style == "house":
        kick, off = [(float(slot), 1.0) for slot in (0, 4, 8, 12)], [(float(slot), 0.8) for slot in (2, 6, 10, 14)]
        return {36: kick, int(rng.choice([38, 39, 40])): back, 46: off, 42: hats}
    if style == "breaks":
        return {
            36: [(0.0, 1.0), *some(4, 0.8, 1)],
            snare: [*back, *some(rng.integers(2, 6), 0.15, 0.4)],
            hat: some(11, 0.3, 1),
        }
    if style == "half":
        return {
            36: [(0.0, 1.0), *some(2, 0.8, 1)],
            snare: [(8.0, 1.0)],
            42: [(s / 2, rng.uniform(0.4, 1)) for s in range(32)],
        }
    if style == "jazz":
        ride = [(0.0, 0.8), (4.0, 0.9), (7.0, 0.5), (8.0, 0.8), (12.0, 0.9), (15.0, 0.5)]
        return {
            51: ride,
            44: [(4.0, 0.7), (12.0, 0.7)],
            snare: some(rng.integers(1, 5), 0.15, 0.4),
            36: some(2, 0.4, 0.6),
        }
    if style == "latin":
        keys = rng.choice(np.arange(54, 78), int(rng.integers(2, 6)), replace=False)
        return {int(key): some(rng.integers(3, 11), 0.4, 1) for key in keys}
    if style == "hats":
        return {hat: hats}
    return {36: [(0.0, 1.0), *some(rng.integers(1, 4), 0.9, 1)]}


def drummer(rng: np.random.Generator, beat_s: float) -> list[Hit]:
    """Play for as long as a song lasts."""
    styles = rng.choice(list(STYLES), 3, p=list(STYLES.values()))
    style, swing, loose_s = styles[0], rng.choice([0, 0, 0.12, 0.3]), rng.choice([0, 0.004, 0.01])
    hits: list[Hit] = []
    bar, slot_s = 0, beat_s / 4
    while (start := bar * 16 * slot_s) < SECONDS:
        pattern, count, pauses = bar_of(style, rng), int(rng.choice([2, 4, 4, 8])), bar > 0 and rng.random() < 0.1
        fills = rng.random() < 0.5 and style not in ("hats", "kick", "latin")
        for number in range(0 if pauses else count):
            begin, fill = start + number * 16 * slot_s, fills and number == count - 1
            if fills and number == 0:
                hits.append((begin, int(rng.choice([49, 57, 55])), 0.9))
            for key, slots in pattern.items():
                for slot, loud in slots:
                    if (fill and slot >= 8 and key != 36) or rng.random() < 0.03:
                        continue
                    at = begin + (slot + swing * (slot % 2 == 1)) * slot_s + rng.normal(0, 1) * loose_s
                    hits.append((max(0.0, at), key, float(np.clip(loud * rng.uniform(0.85, 1.1), 0.1, 1))))
            if fill:
                toms = rng.choice([50, 48, 47, 45, 43, 41, 38, 38], 8)
                hits += [(begin + (8 + k) * slot_s, int(key), rng.uniform(0.6, 1)) for k, key in enumerate(toms)]
        bar += count
        style = rng.choice(styles) if rng.random() < 0.4 else style
    return sorted(hits)


def long_kick(rng: np.random.Generator) -> np.ndarray:
    """Make a stroke of a bass drum that rings below 60 Hz, as electronic ones do: (T,)."""
    t = np.arange(int(0.9 * RATE)) / RATE
    high, low, fall_s = rng.uniform(80, 300), rng.uniform(34, 62), rng.uniform(0.01, 0.08)
    phase = low * t + (high - low) * fall_s * (1 - np.exp(-t / fall_s))
    y = np.tanh(rng.uniform(0.5, 3) * np.sin(2 * np.pi * phase) * np.exp(-t / rng.uniform(0.1, 0.5)))
    return y * np.minimum(1, (t[-1] - t) / 0.05)


def recorded(kit: Path, key: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Read the strokes of a key from soft to loud, or of one that the kit has instead."""
    keys = sorted(int(path.name) for path in kit.iterdir() if path.name.isdigit())
    nearest = min(keys, key=lambda other: (abs(other - key), other))
    found = [as_stereo(read(path, rate=RATE)[0]) for path in sorted((kit / str(nearest)).iterdir())]
    speed = 2 ** (rng.normal(0, 1.5) / 12) if rng.random() < 0.6 else 1.0
    return [y[:, np.arange(0, y.shape[1] - 1, speed).astype(int)] for y in found]


def played(hits: list[Hit], kit: Path | None, rng: np.random.Generator) -> np.ndarray:
    """Play on a recorded kit, or on a drum machine: (2, T)."""
    size = int(SECONDS * RATE)
    y = np.zeros((2, size), np.float32)
    strokes: dict[int, list[np.ndarray]] = {}
    if kit is None and rng.random() < 0.5:
        strokes[36] = [as_stereo(2 * long_kick(rng)[None])]
    for seconds, key, loud in hits:
        if key not in strokes:
            strokes[key] = recorded(kit, key, rng) if kit else [as_stereo(stroke(key, rng)[None])]
        sounds, at = strokes[key], int(seconds * RATE)
        sound = sounds[min(len(sounds) - 1, int(loud * len(sounds)))][:, : max(0, size - at)]
        y[:, at : at + sound.shape[1]] += np.float32(loud**1.5) * sound
    return y


def sampled(notes: list[Note], soundfont: str, rng: np.random.Generator, folder: Path) -> np.ndarray:
    """Play notes on a soundfont: (2, T)."""
    write_midi(folder / "song.mid", Score(notes=sorted(notes)), force=True)
    command = ["fluidsynth", "-ni", "-g", "0.4", *room(rng), "-r", str(RATE), "-F", f"{folder}/song.wav"]
    subprocess.run([*command, soundfont, f"{folder}/song.mid"], check=True, capture_output=True)
    return whole(read(folder / "song.wav", rate=RATE)[0])


def whole(y: np.ndarray) -> np.ndarray:
    """Make a recording as long as all others."""
    size = int(SECONDS * RATE)
    return np.pad(as_stereo(y), ((0, 0), (0, max(0, size - y.shape[1]))))[:, :size].astype(np.float32)


def produced(y: np.ndarray, rng: np.random.Generator, folder: Path) -> np.ndarray:
    """Send a layer through a room, effects and, at times, a lossy coder."""
    if rng.random() < 0.4:
        y = placed(y[:1], rng, RATE, spread=0.1)
    chain = []
    if rng.random() < 0.25:
        chain.append(f"volume={rng.uniform(4, 18):.1f}dB,asoftclip=type={rng.choice(['tanh', 'atan', 'cubic'])}")
    if rng.random() < 0.6:
        chain.append(
            f"acompressor=threshold={rng.uniform(-30, -12):.0f}dB:ratio={rng.uniform(1.5, 8):.1f}"
            f":attack={rng.uniform(1, 40):.0f}:release={rng.uniform(40, 300):.0f}"
        )
    if rng.random() < 0.7:
        chain.append(f"bass=g={rng.uniform(-3, 14):.1f}:f={rng.uniform(50, 130):.0f},treble=g={rng.uniform(-8, 6):.1f}")
    coders = ((".wav", []), (".mp3", ["-b:a", "128k"]), (".m4a", ["-b:a", "128k"]))
    suffix, coder = coders[rng.choice(3, p=[0.5, 0.3, 0.2])]
    write(folder / "dry.wav", 0.5 * y / max(np.abs(y).max(), 1e-3), RATE, force=True)
    effects = ["-af", ",".join(chain)] if chain else []
    command = ["ffmpeg", "-y", "-v", "error", "-i", f"{folder}/dry.wav", *effects, *coder, f"{folder}/wet{suffix}"]
    subprocess.run(command, check=True, capture_output=True)
    return whole(read(folder / f"wet{suffix}", rate=RATE)[0])


def voice(files: list[Path], rng: np.random.Generator) -> np.ndarray:
    """String recordings of voices together: (2, T)."""
    y, at = np.zeros((1, int(SECONDS * RATE)), np.float32), int(rng.uniform(0, 4) * RATE)
    while at < y.shape[1]:
        phrase = read(files[rng.integers(len(files))], rate=RATE, mono=True)[0][:, : 12 * RATE][:, : y.shape[1] - at]
        y[:, at : at + phrase.shape[1]] += phrase * np.float32(0.1 / max(np.sqrt(np.mean(phrase**2)), 1e-2))
        at += phrase.shape[1] + int(max(0, rng.normal(1, 2)) * RATE) + 1
    return placed(sung_through(y, rng, RATE), rng, RATE)


def song(number: int, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Make the layers of one song, each at about the same level."""
    rng = np.random.default_rng([77, number])
    beat_s = 60 / np.random.default_rng([78, number]).uniform(70, 165)  # the first that the band draws
    notes = [note for note in band(np.random.default_rng([78, number]), SECONDS).notes if note.channel != DRUMS]
    kits = sorted(path for path in options.kits.iterdir() if path.is_dir()) if options.kits else []
    voices = find_audio(options.voices) if options.voices else []
    hits = drummer(rng, beat_s)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if rng.random() < 0.4:
            program = int(rng.choice(PROGRAMS))
            beats = [Note(t, t + 0.15, key, max(8, int(120 * loud)), DRUMS, program) for t, key, loud in hits]
            drums = sampled(beats, options.soundfont, rng, folder)
        else:
            drums = played(hits, kits[rng.integers(len(kits))] if kits and rng.random() < 0.7 else None, rng)
        layers = {"drums": produced(drums, rng, folder)}
        layers["other"] = produced(sampled(notes, options.soundfont, rng, folder), rng, folder)
    if voices and rng.random() < 0.6:
        layers["other_voice"] = voice(voices, rng)
    return {name: (0.09 / max(np.sqrt(np.mean(y**2)), 1e-3) * y).astype(np.float32) for name, y in layers.items()}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("soundfont")
    parser.add_argument("count", type=int)
    parser.add_argument("--kits", type=Path)
    parser.add_argument("--voices", type=Path)
    options = parser.parse_args()
    for number in range(options.count):
        for name, y in song(number, options).items():
            path = options.out / f"song_{number:03d}" / f"{name}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, y, RATE, subtype="PCM_16", force=True)


if __name__ == "__main__":
    main()
