"""Play MIDI files with a few partials per note: enough to try a recipe without a soundfont.

    python synth.py IN.mid OUT.wav --voice string|bar     one file
    python synth.py FOLDER FOLDER --voice string|bar      every .mid of a folder

A string has many partials that fade at their own pace; a bar has three, at 1, 4 and 10 times its pitch.
"""

import argparse
from pathlib import Path

import numpy as np

from audiokit.io.audio import write
from audiokit.io.midi import read_midi

RATE = 22050
# (multiple of the pitch, level, fading per second)
VOICES = {
    "string": [(k * np.sqrt(1 + 3e-4 * k * k), 1 / k, 1.2 + 0.4 * k) for k in range(1, 16)],
    "bar": [(1.0, 1.0, 1.0), (4.0, 0.15, 5.0), (10.0, 0.06, 14.0)],
}


def play(notes, voice, seconds):
    y = np.zeros(round((seconds or max(n.end_s for n in notes) + 1) * RATE), np.float32)
    for note in notes:
        start = round(note.start_s * RATE)
        count = min(round((note.end_s - note.start_s + 0.25) * RATE), len(y) - start)
        if count < 2:
            continue
        t = np.arange(count) / RATE
        hz = 440 * 2 ** ((note.pitch - 69) / 12)
        sound = sum(a * np.exp(-d * t) * np.sin(2 * np.pi * hz * m * t) for m, a, d in VOICES[voice] if hz * m < 10500)
        release = np.clip((t[-1] - t) / 0.2, 0, 1) * np.clip(t / 0.003, 0, 1)
        y[start : start + count] += (note.velocity / 127) ** 1.5 * sound * release
    return (0.5 * y / max(1e-9, np.abs(y).max())).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("midi")
    parser.add_argument("wav")
    parser.add_argument("--voice", choices=VOICES, default="string")
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    source, target = Path(options.midi), Path(options.wav)
    for piece in sorted(source.glob("*.mid")) if source.is_dir() else [source]:
        y = play(read_midi(piece).notes, options.voice, options.seconds)
        write(target / f"{piece.stem}.wav" if source.is_dir() else target, y[None], RATE, force=True)


if __name__ == "__main__":
    main()
