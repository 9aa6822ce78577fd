"""Drum patterns with known beats: several styles and drum timbres, swing, fills, tempo ramps, bass and chords."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Sixteen steps per bar of four (or twelve of three): k kick, s snare, h hat, r ride, t tom, c clap, w cowbell.
STYLES: dict[str, tuple[int, str, str, str]] = {
    # name: (beats per bar, kick, snare, hat) on a grid of four steps per beat
    "rock": (4, "k.......k.......", "....s.......s...", "h.h.h.h.h.h.h.h."),
    "rock2": (4, "k.....k.k.......", "....s.......s...", "h.h.h.h.h.h.h.h."),
    "quarter": (4, "k.......k.......", "....s.......s...", "h...h...h...h..."),
    "funk": (4, "k..k......k..k..", "....s..s.s..s...", "hhhhhhhhhhhhhhhh"),
    "floor": (4, "k...k...k...k...", "....c.......c...", "..h...h...h...h."),
    "house": (4, "k...k...k...k...", "....c.......c...", "h.hhh.hhh.hhh.hh"),
    "break": (4, "k.k.......kk....", "....s..s.s..s..s", "h.h.h.h.h.h.h.h."),
    "ballad": (4, "k.........k.....", "....s.......s...", "h.h.h.h.h.h.h.h."),
    "waltz": (3, "k...........", "....s...s...", "h...h...h..."),
    "waltz8": (3, "k...........", "....s...s...", "h.h.h.h.h.h."),
    "motown": (4, "k.....k...k.....", "s...s...s...s...", "h.h.h.h.h.h.h.h."),
    "swing": (4, "k...k...k...k...", "....s.......s...", "r...r..rr...r..r"),
    "open": (4, "k...k...k...k...", "....s.......s...", "..o...o...o...o."),
    "open2": (4, "k...k...k...k.k.", "....c.......c...", "hho.hho.hho.hhoh"),
    "twostep": (4, "k.........k.....", "....s.......s...", "h.h.h..hh.h.h..h"),
    "jungle": (4, "k.k.......k.....", "....s..s....s..s", "h.h.h.h.h.h.h.h."),
    "halftime": (4, "k.........k.....", "........s.......", "h.h.h.h.h.h.hhhh"),
    "onedrop": (4, "........k.......", "........s.......", "..h...h...h...h."),
    "bossa": (4, "k..kk..kk..kk..k", "s..s..s...s..s..", "h.h.h.h.h.h.h.h."),
    "pop": (4, "k.....kk..k.....", "....s.......s...", "h.h.h.h.h.h.h.o."),
    "trap": (4, "k.....k...k.....", "........c.......", "h.hhh.h.hhh.h.hh"),
    "clicks": (4, "w...w...w...w...", "................", "................"),
}


#: Styles that are only what they are at some tempi.
TEMPI = {"halftime": (110, 180), "trap": (110, 170), "jungle": (120, 200), "onedrop": (100, 170), "bossa": (90, 170)}


@dataclass(frozen=True)
class Pattern:
    """Audio (1, T) and the truth about it."""

    y: np.ndarray
    rate: int
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    name: str


def pattern(
    style: str,
    bpm: float,
    seed: int,
    *,
    seconds: float = 20.0,
    rate: int = 22_050,
    swing: float = 0.5,
    ramp: float = 0.0,
    fills: bool = False,
    music: bool = False,
    human_s: float = 0.0,
    breaks: bool = False,
) -> Pattern:
    """Synthesise a pattern.

    swing: place of the off-beat eighth in its beat (0.5 straight, 0.67 triplets). ramp: the tempo changes by this part
    over the whole. fills: the last bar of every four is a tom and snare fill. music: bass and chords play along.
    human_s: standard deviation of every hit's time. breaks: some bars leave out the kick, the snare or the hats.
    """
    rng = np.random.default_rng(seed)
    kit = _Kit(rng, rate)
    per_bar, kick, snare, hat = STYLES[style]
    beats = _beat_times(bpm, ramp, seconds, 0.25 + 0.4 * rng.random())
    y = np.zeros(round(seconds * rate))
    steps = per_bar * 4
    silent = _silences(rng, len(beats) // per_bar + 1) if breaks else {}
    for index in range(len(beats) - 1):
        length = beats[index + 1] - beats[index]
        bar, place = divmod(index, per_bar)
        in_fill = fills and bar % 4 == 3 and place >= per_bar // 2
        for quarter in range(4):
            part = {0: 0.0, 1: swing / 2, 2: swing, 3: swing + (1 - swing) / 2}[quarter]
            step = (place * 4 + quarter) % steps
            hits = (kick[step], snare[step], hat[step])
            if in_fill:
                hits = ("k" if step == 0 else ".", rng.choice(list("ts.")) if quarter else "t", ".")
            for hit in hits:
                if hit != "." and hit not in silent.get(bar, ""):
                    accent = 1.0 if quarter == 0 else 0.75
                    at = beats[index] + part * length + human_s * rng.standard_normal()
                    _add(y, kit.sound(hit) * accent * (0.85 + 0.15 * rng.random()), at, rate)
    if music:
        _play(y, rng, beats, per_bar, rate)
    y += 10 ** rng.uniform(-4.5, -3) * rng.standard_normal(len(y))
    y *= rng.uniform(0.1, 0.7) / np.abs(y).max()
    label = f"{style} {bpm:g}" + f" swing {swing:g}" * (swing != 0.5) + f" ramp {ramp:+g}" * (ramp != 0)
    label += " breaks" * breaks + " fills" * fills + " music" * music + " human" * (human_s > 0)
    return Pattern(y.astype(np.float32)[None], rate, beats[:-1], beats[:-1:per_bar], label)


def random_pattern(seed: int, *, seconds: float = 20.0) -> Pattern:
    """A pattern whose style, tempo (60 to 200 BPM) and ways are drawn from the seed."""
    rng = np.random.default_rng([seed, 77])
    style = list(STYLES)[int(rng.integers(len(STYLES)))]
    low, high = TEMPI.get(style, (60, 200))
    bpm = float(low * (high / low) ** rng.random())
    swing = float(rng.uniform(0.55, 0.68)) if style == "swing" or rng.random() < 0.2 else 0.5
    return pattern(
        style,
        round(bpm, 1),
        seed,
        seconds=seconds,
        swing=swing,
        ramp=float(rng.choice([0.0, 0.0, 0.0, 0.1, -0.1, 0.25])),
        fills=bool(rng.random() < 0.4),
        music=bool(rng.random() < 0.4),
        breaks=bool(rng.random() < 0.3),
        human_s=float(rng.choice([0.0, 0.002, 0.005])),
    )


def _silences(rng: np.random.Generator, bars: int) -> dict[int, str]:
    """Drums left out per bar, for two bars at a time."""
    return {
        bar: str(rng.choice(["", "", "k", "s", "hor", "ks"])) for pair in range(0, bars, 2) for bar in [pair, pair + 1]
    }


def _beat_times(bpm: float, ramp: float, seconds: float, first: float) -> np.ndarray:
    times, now = [], first
    while now < seconds - 0.25:
        times.append(now)
        now += 60 / (bpm * (1 + ramp * now / seconds))
    return np.array(times)


def _add(y: np.ndarray, sound: np.ndarray, at_s: float, rate: int) -> None:
    start = round(at_s * rate)
    if 0 <= start < len(y):
        piece = sound[: len(y) - start]
        y[start : start + len(piece)] += piece


class _Kit:
    """Drum sounds with random tuning, length and noise colour."""

    def __init__(self, rng: np.random.Generator, rate: int) -> None:
        self.rate, self.rng = rate, rng
        self.values = {name: rng.random(4) for name in "kshrtcwo"}
        self.levels = {"k": 1.0, "s": 0.8, "c": 0.7, "h": 0.15 + 0.5 * rng.random(), "r": 0.3, "t": 0.8, "w": 0.7}
        self.levels["o"] = 0.3 + 0.5 * rng.random()

    def sound(self, name: str) -> np.ndarray:
        a, b, c, d = self.values[name]
        t = np.arange(int(0.4 * self.rate)) / self.rate
        noise = self.rng.standard_normal(len(t))
        bright = np.diff(np.diff(noise, prepend=0.0), prepend=0.0) / 2.5
        if name == "k":
            sweep = 45 + 30 * a + (60 + 150 * b) * np.exp(-t / (0.006 + 0.02 * c))
            out = np.sin(2 * np.pi * np.cumsum(sweep) / self.rate) * np.exp(-t / (0.05 + 0.15 * d))
            out += 0.15 * a * np.exp(-t / 0.002) * bright
        elif name == "s":
            tone = np.sin(2 * np.pi * (160 + 90 * a) * t) * np.exp(-t / (0.02 + 0.06 * b))
            out = 0.5 * tone + 0.5 * noise * np.exp(-t / (0.03 + 0.1 * c))
        elif name == "c":
            shape = sum(np.where(t >= s, np.exp(-(t - s) / 0.006), 0) for s in (0, 0.009, 0.018))
            out = 0.5 * bright * (shape + np.exp(-t / (0.03 + 0.06 * a)))
        elif name == "t":
            sweep = 80 + 80 * a + 60 * np.exp(-t / 0.03)
            out = np.sin(2 * np.pi * np.cumsum(sweep) / self.rate) * np.exp(-t / (0.08 + 0.1 * b))
        elif name == "w":
            out = np.sign(np.sin(2 * np.pi * (600 + 1500 * a) * t)) * np.exp(-t / (0.01 + 0.05 * b))
        elif name == "r":
            ring = np.sin(2 * np.pi * (3000 + 2000 * a) * t)
            out = (0.6 * bright + 0.3 * ring) * np.exp(-t / (0.08 + 0.2 * b))
        elif name == "o":
            out = bright * np.exp(-t / (0.05 + 0.1 * a))
        else:
            out = bright * np.exp(-t / (0.008 + 0.04 * a))
        return self.levels[name] * out


def _play(y: np.ndarray, rng: np.random.Generator, beats: np.ndarray, per_bar: int, rate: int) -> None:
    """A bass note on some beats, and chords that change with the bars."""
    roots = rng.choice([0, 5, 7, 9], size=len(beats) // per_bar + 1)
    busy = rng.random() < 0.5
    stabs, runs, off_bass = rng.random() < 0.3, int(rng.choice([0, 0, 2, 4])), rng.random() < 0.2
    for index in range(len(beats) - 1):
        length = beats[index + 1] - beats[index]
        root = 110 * 2 ** (roots[index // per_bar] / 12)
        t = np.arange(int(length * per_bar * rate)) / rate
        if index % per_bar == 0:
            chord = sum(np.sin(2 * np.pi * root * 2 * r * k * t) / k for r in (1, 1.26, 1.498) for k in (1, 2, 3))
            _add(y, 0.08 * chord * np.minimum(1, t / 0.02) * np.exp(-t / 1.5), beats[index], rate)
        if stabs and index % 2:
            tone = sum(np.sin(2 * np.pi * root * 2 * r * k * t) / k for r in (1, 1.26, 1.498) for k in (1, 2, 3))
            _add(y, 0.12 * tone * np.minimum(1, t / 0.004) * np.exp(-t / 0.1), beats[index] + length / 2, rate)
        for k in range(runs):
            hz = 4 * root * 2 ** (rng.choice([0, 3, 5, 7, 10, 12]) / 12)
            note = sum(np.sin(2 * np.pi * hz * h * t) / h**2 for h in (1, 2, 3)) * np.exp(-t / 0.15)
            if rng.random() < 0.7:
                _add(y, 0.12 * note * np.minimum(1, t / 0.003), beats[index] + k * length / runs, rate)
        if index % per_bar == 0 or busy:
            low = sum(np.sin(2 * np.pi * root / 2 * k * t) / k for k in (1, 2, 3)) * np.exp(-t / 0.25)
            _add(y, 0.25 * low * np.minimum(1, t / 0.004), beats[index] + off_bass * length / 2, rate)
