"""What is easily taken for a voice, or repeats so well that a voice stands out: parts to train a separator on.

python lines_and_loops.py lines OUT SOUNDFONT COUNT       single lines with vibrato and glides, by fluidsynth
python lines_and_loops.py percussion OUT SOUNDFONT COUNT  bars of percussion that come round, more or less varied
python lines_and_loops.py machine OUT COUNT               beats of a drum machine that repeat to the sample
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from make_parts import RATE, SCALES, finished, room
from synthesise import Patch, stroke

from audiokit.io.audio import read, write
from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score, variable_length

SECONDS = 30.0
TICKS = 960  # of MIDI, a second
SINGING = (40, 41, 42, 73, 74, 75, 71, 68, 69, 64, 65, 66, 67, 56, 57, 60, 22, 21, 104, 111, 110, 79, 78)
OTHERS = (80, 81, 82, 84, 86, 87, 70, 58, 26, 27, 30, 23, 48, 16, 19)
STRUCK = (112, 113, 114, 115, 116, 117, 118, 47, 108, 12, 13, 10, 45, 32, 38, 46, 105, 107)


def line(rng: np.random.Generator, channel: int) -> list[tuple[float, bytes]]:
    """Make up what one player does: MIDI messages and when."""
    events = [(0.0, bytes([0xC0 | channel, int(rng.choice([*SINGING, *OTHERS]))]))]
    scale, root, center = SCALES[rng.integers(len(SCALES))], int(rng.integers(12)), rng.uniform(55, 78)
    allowed = [12 * octave + root + step for octave in range(3, 8) for step in scale]
    allowed = sorted(p for p in allowed if abs(p - center) < 11)
    at, now, beat = len(allowed) // 2, 0.0, 60 / rng.uniform(60, 140)
    before, vibrato, glides, legato = allowed[at], *(rng.random(3) < (0.75, 0.6, 0.5))
    while now < SECONDS:
        length = beat * float(rng.choice([0.25, 0.5, 0.5, 1, 1, 1.5, 2, 3]))
        if rng.random() < 0.12:
            now += length
            continue
        step = rng.choice([-4, -2, -1, 0, 1, 2, 4], p=[0.05, 0.15, 0.25, 0.1, 0.25, 0.15, 0.05])
        at = int(np.clip(at + step, 0, len(allowed) - 1))
        key, end = allowed[at], now + length * (1.02 if legato else rng.uniform(0.6, 0.98))
        start = float(np.clip(before - key, -2, 2)) * glides
        fall, speed, depth = rng.uniform(0.03, 0.15), rng.uniform(4.5, 6.8), rng.uniform(0.1, 0.6) * vibrato
        for t in np.arange(0, length, 0.02):
            bend = start * np.exp(-t / fall) + depth * np.clip(4 * (t - 0.15), 0, 1) * np.sin(2 * np.pi * speed * t)
            word = int(np.clip(8192 + 4096 * bend, 0, 16383))
            events.append((now + t, bytes([0xE0 | channel, word & 127, word >> 7])))
        events.append((now, bytes([0x90 | channel, key, int(rng.integers(60, 115))])))
        events.append((end, bytes([0x80 | channel, key, 0])))
        before, now = key, now + length
    return events


def write_lines(path: Path, rng: np.random.Generator) -> None:
    """Write a MIDI file of one line, at times two."""
    events = sorted(e for channel in range(1 + (rng.random() < 0.25)) for e in line(rng, channel))
    body, last = b"\x00\xff\x51\x03\x07\xa1\x20", 0
    for seconds, message in events:
        now = max(last, int(seconds * TICKS))
        body, last = body + variable_length(now - last) + message, now
    body += b"\x00\xff\x2f\x00"
    head = struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, TICKS // 2, b"MTrk", len(body))
    path.write_bytes(head + body)


def percussion(rng: np.random.Generator) -> Score:
    """Make up a bar of two to five parts, and play it again and again."""
    bar, steps, varied = 240 / rng.uniform(75, 150), int(rng.choice([12, 16, 16, 16, 24])), rng.choice([0, 0.05, 0.2])
    notes = []
    for _ in range(int(rng.integers(2, 6))):
        drum = rng.random() < 0.75
        key, channel = int(rng.integers(35, 82) if drum else rng.integers(45, 75)), 9 if drum else int(rng.integers(8))
        program, pattern = 0 if drum else int(rng.choice(STRUCK)), rng.random(steps) < rng.uniform(0.1, 0.6)
        loud = rng.integers(40, 120, steps)
        for begin in np.arange(0, SECONDS, bar):
            for slot in np.flatnonzero(pattern ^ (rng.random(steps) < varied / 2)):
                at, raised = begin + slot * bar / steps, 0 if drum else int(slot * 7 % 3) * 5
                velocity = int(np.clip(loud[slot] + rng.normal(0, 40 * varied), 20, 127))
                notes.append(Note(at, at + 0.15, key + raised, velocity, channel, program))
    return Score(notes=sorted(notes))


def machine(rng: np.random.Generator) -> np.ndarray:
    """Play a drum machine (2, T): strokes are the same samples each time, bars change, so beats repeat but not all."""
    beat, n = int(RATE * 60 / rng.uniform(80, 140)), int(SECONDS * RATE)
    y = np.zeros((2, n + 4 * RATE))
    keys = [36, int(rng.choice([37, 38, 39, 40])), int(rng.choice([42, 46])), *map(int, rng.integers(43, 80, 2))]
    bars = [
        [np.flatnonzero(rng.random(16) < q) for q in (0.2, 0.12, 0.5, 0.2, 0.15)] for _ in range(rng.integers(1, 4))
    ]
    starts = range(0, n, 4 * beat)
    for part, (key, level) in enumerate(zip(keys, (1.0, 0.8, 0.35, 0.5, 0.4), strict=True)):
        sound, pan, held = level * stroke(key, rng), rng.uniform(0.25, 0.75) if part > 1 else 0.5, rng.random() < 0.6
        for number, start in enumerate(starts):
            for slot in bars[0 if held else number % len(bars)][part]:
                if (at := start + slot * (beat // 4)) < n and (held or rng.random() < 0.85):
                    y[:, at : at + len(sound)] += 2 * np.array([[1 - pan], [pan]]) * sound
    if rng.random() < 0.7:  # a bass
        patch, slots = Patch(rng, lead=False), np.flatnonzero(rng.random(8) < 0.5)
        roots = rng.choice([0, 3, 5, 7, 10], 4) + int(rng.integers(28, 40))
        for number, start in enumerate(starts):
            for slot in slots:
                sound = patch.note(float(roots[number % 4]), 40.0, 0.2, rng)[:, : 4 * RATE]
                at = min(start + slot * (beat // 2), n)
                y[:, at : at + sound.shape[1]] += 0.5 * sound / max(np.abs(sound).max(), 1e-3)
    return y[:, :n].astype(np.float32)


def main() -> None:
    """Do what the command line says."""
    mode, out, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[-1])
    out.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng([501, number])
        if mode == "machine":
            y = machine(rng)
        else:
            with tempfile.TemporaryDirectory() as folder:
                song = Path(folder) / "song.mid"
                if mode == "lines":
                    write_lines(song, rng)
                else:
                    write_midi(song, percussion(rng))
                command = ["fluidsynth", "-ni", "-g", "0.4", *room(rng), "-r", str(RATE), "-F", f"{folder}/song.wav"]
                subprocess.run([*command, sys.argv[3], str(song)], check=True, capture_output=True)
                y, _ = read(finished(Path(folder) / "song.wav", rng), rate=RATE)
        y = y[:, : int(SECONDS * RATE)]
        write(out / f"{mode}_{number:03d}.flac", 0.5 * y / np.abs(y).max(), RATE, subtype="PCM_16", force=True)


if __name__ == "__main__":
    main()
