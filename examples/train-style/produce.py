"""Make rendered pairs resemble records: a room on both sides, and on the first what mixing and mastering do.

    python produce.py A B OUT_A OUT_B --seed 1 [--voices FOLDER --share 0.35]

Both sides get the same room (or none), because a room is no part of an instrument; the first side alone is filtered,
driven, compressed and now and then coded as MP3. `--voices` adds a singer to both sides of some pieces, at the same
level: voices are to be left as they are. Both sides of a piece keep their loudness relative to each other.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import fftconvolve, lfilter, sosfilt, tf2sos

from audiokit.io.audio import read, write

RATE = 22050


def mono(path):
    return read(path, rate=RATE, mono=True)[0][0]


def room(rng):
    """Draw an impulse response: the direct sound, and noise that fades, darker with time."""
    seconds, wet = rng.uniform(0.2, 1.4), 10 ** (rng.uniform(-26, -12) / 20)
    t = np.arange(round(seconds * RATE)) / RATE
    tail = rng.normal(size=len(t)) * 10 ** (-3 * t / seconds)
    tail = lfilter([1 - (a := rng.uniform(0.2, 0.7))], [1, -a], tail)
    tail[: round(0.008 * RATE)] = 0
    tail *= wet / max(1e-9, np.sqrt(np.sum(tail**2) / 20))
    tail[0] = 1
    return tail


def shelf(rng, y):
    """Tilt the spectrum by up to 5 dB with a first-order filter."""
    gain, corner = 10 ** (rng.uniform(-5, 5) / 20), np.exp(rng.uniform(np.log(300), np.log(5000)))
    k = np.tan(np.pi * corner / RATE)
    return sosfilt(tf2sos([k + gain, k - gain], [k + 1, k - 1]), y)


def compress(rng, y):
    """Hold the level of a mix: gain from its own course over 60 ms, at a ratio of up to 4."""
    envelope = np.sqrt(np.maximum(lfilter([1e-3], [1, -(1 - 1e-3)], y**2), 1e-9))
    threshold = np.quantile(envelope, rng.uniform(0.3, 0.8))
    return y * np.minimum(1, (threshold / envelope) ** (1 - 1 / rng.uniform(1.3, 4)))


def drive(rng, y):
    """Bend peaks over, as a limiter that is pushed does."""
    strength = rng.uniform(0.5, 3)
    peak = np.abs(y).max() + 1e-9
    return np.tanh(strength * y / peak) * peak / np.tanh(strength)


def coded(y):
    """Send a sound through MP3."""
    import io

    held = io.BytesIO()
    soundfile.write(held, np.clip(y, -1, 1), RATE, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT")
    held.seek(0)
    return soundfile.read(held)[0][: len(y)]


def produce(rng, x, y, voice):
    """Treat one pair; returns both sides, as long as the shorter."""
    count = min(len(x), len(y))
    x, y = x[:count].astype(float), y[:count].astype(float)
    if voice is not None:
        start = int(rng.integers(0, max(1, len(voice) - count)))
        sung = np.resize(voice[start : start + count], count)
        sung = sung * np.sqrt(np.mean(x**2)) / max(1e-6, np.sqrt(np.mean(sung**2))) * 10 ** (rng.uniform(-8, 3) / 20)
        y = y * np.sqrt(np.mean(x**2) / max(1e-12, np.mean(y**2)))
        x, y = x + sung, y + sung
    if rng.random() < 0.7:
        response = room(rng)
        x, y = fftconvolve(x, response)[:count], fftconvolve(y, response)[:count]
    for change, share in ((shelf, 0.8), (compress, 0.6), (drive, 0.5)):
        if rng.random() < share:
            x = change(rng, x)
    x, y = (0.12 * s / max(1e-6, np.sqrt(np.mean(s**2))) for s in (x, y))
    x = x + rng.normal(size=count) * 10 ** (rng.uniform(-90, -55) / 20)
    if rng.random() < 0.25:
        made = coded(x)
        x = made if len(made) == count else x
    return x.astype(np.float32), y.astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs=4, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--voices", type=Path)
    parser.add_argument("--share", type=float, default=0.35)
    options = parser.parse_args()
    a, b, out_a, out_b = options.folders
    voices = sorted(p for p in options.voices.rglob("*") if p.suffix in (".wav", ".flac")) if options.voices else []
    for k, path in enumerate(sorted(a.glob("*.wav"))):
        rng = np.random.default_rng([options.seed, k])
        voice = mono(voices[rng.integers(len(voices))]) if voices and rng.random() < options.share else None
        for folder, sound in zip((out_a, out_b), produce(rng, mono(path), mono(b / path.name), voice), strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            write(folder / path.name, sound[None], RATE, force=True)


if __name__ == "__main__":
    main()
