"""Morphs between sounds, each engine beside a cross-fade and a plain optimal transport of bins.

Run: python tests/bench/bench_morph.py [NOTES_FOLDER] [--dcgan MODEL]; with a folder of recorded notes, those too; with
a model of `audiokit train dcgan`, what it paints.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from audiokit.dsp.effects.morph import choose_engine, morph
from audiokit.dsp.effects.transport import pair_lobes
from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
from audiokit.dsp.spectrum.metrics import log_spectral_distance
from audiokit.dsp.spectrum.phase import retrieve_phase
from audiokit.dsp.spectrum.stft import istft, stft
from audiokit.dsp.voice.world import analyse_voice
from audiokit.errors import InputError
from audiokit.io.audio import SUFFIXES, read
from audiokit.models.notes.morphing import morph_latent
from tests.bench.measure import publish, table

RATE = 22_050
#: Not quite the ends: there every engine returns the inputs themselves, which says nothing about it.
NEARLY = 1e-6
Morph = Callable[..., np.ndarray]


def synthetic() -> list[tuple[str, np.ndarray]]:
    t = np.arange(2 * RATE) / RATE
    sounds = []
    for name, hz, rolloff, decay in (("reed", 220, 0.7, 0), ("string", 330, 1.2, 0.4), ("pluck", 165, 1.5, 3.0)):
        wave = sum(np.sin(2 * np.pi * hz * k * t) / k**rolloff for k in range(1, int(9000 / hz)))
        sounds.append((name, (0.1 * wave * np.minimum(1, t / 0.02) * np.exp(-decay * t)).astype(np.float32)[None]))
    return sounds


def recorded(folder: Path) -> list[tuple[str, np.ndarray]]:
    """The note nearest to A3 of three instruments, spread over a folder of files named <instrument>_<midi>_..."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(folder.rglob("*")):
        named = re.match(r"(.+?)_(\d\d\d)_", path.name)
        if path.suffix in SUFFIXES and named:
            found.setdefault(named[1], []).append((abs(int(named[2]) - 57), path))
    sounds = []
    for name, notes in found.items():
        y = read(min(notes)[1], rate=RATE, mono=True)[0][:, : 2 * RATE]
        if y.shape[1] > RATE // 2 and choose_engine(y, y, RATE) == "world":
            sounds.append((name, y))
    return sounds[:: max(1, -(-len(sounds) // 3))]


def hits(rng: np.random.Generator) -> list[np.ndarray]:
    """Three struck sounds that begin at 0.3 s: bright noise, dark noise, a drum with a pitch that falls."""
    t = np.arange(round(0.7 * RATE)) / RATE
    bright = rng.standard_normal(len(t)) * np.exp(-t / 0.04)
    dark = np.convolve(rng.standard_normal(len(t)), np.ones(12) / 4, "same") * np.exp(-t / 0.12)
    drum = np.sin(2 * np.pi * np.cumsum(60 + 120 * np.exp(-t / 0.03)) / RATE) * np.exp(-t / 0.15) + 0.2 * bright
    return [
        np.concatenate([np.zeros(round(0.3 * RATE)), 0.3 * y])[None].astype(np.float32) for y in (bright, dark, drum)
    ]


def naive(a: np.ndarray, b: np.ndarray, rate: int, *, amount: float | list) -> np.ndarray:
    """Optimal transport of single bins, frame by frame, phases found afterwards."""
    curve = [(0.0, amount), (1.0, amount)] if isinstance(amount, float) else amount
    spectra = [np.abs(stft(y))[0].astype(np.float64) for y in (a, b)]
    x = np.interp(np.linspace(0, 1, spectra[0].shape[1]), *zip(*curve, strict=True))
    made = np.zeros_like(spectra[0])
    for n, share in enumerate(x):
        sides = [S[:, n] for S in spectra]
        sums = [float(side.sum()) for side in sides]
        if min(sums) < 1e-9:
            made[:, n] = (1 - share) * sides[0] + share * sides[1]
            continue
        i, j, part = pair_lobes(*(np.maximum(side / total, 1e-12) for side, total in zip(sides, sums, strict=True)))
        place = np.round((1 - share) * i + share * j).astype(int)
        made[:, n] = np.bincount(place, part * ((1 - share) * sums[0] + share * sums[1]), len(made))
    found = retrieve_phase(made[None].astype(np.float32), PhaseSettings(2048, 512), length=a.shape[1])
    return istft(found, n_fft=2048, hop=512, length=a.shape[1])


def engines(dcgan: str | None) -> dict[str, Morph]:
    found: dict[str, Morph] = {"cross-fade": partial(morph, engine="fade"), "plain transport of bins": naive}
    found |= {name: partial(morph, engine=name) for name in ("world", "transport")}
    found["latent (note model)"] = morph_latent
    if dcgan:
        found["latent (DCGAN)"] = partial(morph_latent, model=dcgan)
    return found


def rms(y: np.ndarray) -> float:
    return float(np.sqrt((y.astype(np.float64) ** 2).mean()))


def db(ratio: float) -> float:
    return 20 * float(np.log10(max(ratio, 1e-10)))


def pitch(y: np.ndarray) -> float:
    return analyse_voice(y[0], RATE).median_hz


def cents(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Distance of the pitch to the middle of both, moment by moment: the median."""
    made, first, second = (analyse_voice(z[0], RATE) for z in (y, a, b))
    n = min(v.frames for v in (made, first, second))
    voiced = made.voiced[:n] & first.voiced[:n] & second.voiced[:n]
    if not voiced.any():
        return float("inf")
    wanted = np.sqrt(first.f0_hz[:n] * second.f0_hz[:n])[voiced]
    return float(np.median(np.abs(1200 * np.log2(made.f0_hz[:n][voiced] / wanted))))


def elsewhere_db(y: np.ndarray, hz: float) -> float:
    """Share of the energy further than 50 cents (or 3 bins) from every harmonic of a pitch."""
    inner = y[0, RATE // 10 :]
    power = np.abs(np.fft.rfft(inner * np.blackman(len(inner)))) ** 2
    bins = np.fft.rfftfreq(len(inner), 1 / RATE)
    nearest = np.maximum(1, np.round(bins / hz)) * hz
    near = np.abs(bins - nearest) <= np.maximum(nearest * (2 ** (50 / 1200) - 1), 3 * bins[1])
    return 10 * float(np.log10(max(power[~near].sum() / power.sum(), 1e-12)))


def steepness(y: np.ndarray) -> float:
    """Highest rise of the 5 ms level within 2.5 ms, as a share of the level the attack reaches in 50 ms; per second."""
    frame = RATE // 200
    power = np.convolve(y[0].astype(np.float64) ** 2, np.ones(frame) / frame)
    level = np.sqrt(np.maximum(power, 0))
    rise = level[frame // 2 :] - level[: -(frame // 2)]
    at = int(rise[: RATE // 2].argmax())
    return float(rise[at] / level[at : at + RATE // 20].max() / 0.0025)


def dip_db(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Deepest place of a turn from a to b, 200 ms at a time, under the level between theirs."""
    frame = RATE // 5
    count = y.shape[1] // frame
    levels = [np.sqrt((z[0, : count * frame].reshape(count, frame).astype(float) ** 2).mean(1)) for z in (y, a, b)]
    x = (np.arange(count) + 0.5) / count
    wanted = (1 - x) * levels[1] + x * levels[2]
    heard = wanted > 0.02 * wanted.max()
    return min(0.0, float((20 * np.log10(np.maximum(levels[0], 1e-9) / wanted))[heard].min()))


def tones(found: dict[str, Morph]) -> str:
    t = np.arange(2 * RATE) / RATE
    a, b = (0.5 * np.sin(2 * np.pi * hz * t)[None].astype(np.float32) for hz in (220, 330))
    middle, rows = float(np.sqrt(220 * 330)), []
    for name, engine in found.items():
        try:
            y = engine(a, b, RATE, amount=0.5)
        except InputError:  # a tone without harmonics is no voice
            rows.append([name, "-", "-", "-"])
            continue
        inner = y[0, RATE // 4 : -RATE // 4]
        power = np.abs(np.fft.rfft(inner * np.blackman(len(inner)), 8 * RATE))
        top = power[40:].argmax() / 8 + 5
        away = 1200 * float(np.log2(top / middle))
        rows.append([name, f"{away:.1f}", f"{elsewhere_db(y, middle):.0f}", f"{db(rms(y) / rms(a)):.1f}"])
    return table(
        ["220 Hz to 330 Hz, amount 0.5", "strongest tone, cents from the middle", "energy elsewhere, dB", "level, dB"],
        rows,
    )


def notes(found: dict[str, Morph], sounds: list[tuple[str, np.ndarray]]) -> str:
    pairs = list(itertools.combinations([y for _, y in sounds], 2))
    pairs = [(a[:, : min(a.shape[1], b.shape[1])], b[:, : min(a.shape[1], b.shape[1])]) for a, b in pairs]
    turns = pairs[:: max(1, len(pairs) // 3)]
    header = [
        "notes", "within 10 cents", "median error, cents", "energy elsewhere, dB", "attack, x as steep as the inputs'",
        "level at 0.5, worst dB", "deepest dip of a turn, dB", "distance at the ends, dB", "x real time",
    ]  # fmt: skip
    rows = []
    for name, engine in found.items():
        away, other, rise, level, speed, dips, ends = [], [], [], [], [], [], []
        for a, b in pairs:
            wanted_hz = float(np.sqrt(pitch(a) * pitch(b)))
            started = time.process_time()
            y = engine(a, b, RATE, amount=0.5)
            speed.append(a.shape[1] / RATE / (time.process_time() - started))
            away.append(cents(y, a, b))
            other.append(elsewhere_db(y, wanted_hz))
            rise.append(steepness(y) / np.sqrt(steepness(a) * steepness(b)))
            level.append(abs(db(2 * rms(y) / (rms(a) + rms(b)))))
        for a, b in turns:
            for end, x in ((a, NEARLY), (b, 1 - NEARLY)):
                y = engine(a, b, RATE, amount=x)
                ends.append(log_spectral_distance(end[:, : y.shape[1]], y[:, : end.shape[1]]))
            if name != "latent (note model)":
                dips.append(dip_db(engine(a, b, RATE, amount=[(0.0, 0.0), (1.0, 1.0)]), a, b))
        rows.append([
            name, f"{sum(c <= 10 for c in away)} of {len(away)}", f"{np.median(away):.0f}", f"{np.median(other):.0f}",
            f"{np.exp(np.mean(np.log(rise))):.2f}", f"{max(level):.1f}", f"{min(dips):.1f}" if dips else "-",
            f"{np.mean(ends):.1f}", f"{np.median(speed):.1f}",
        ])  # fmt: skip
    own = f"{np.median([elsewhere_db(y, pitch(y)) for _, y in sounds]):.0f}"
    rows.append(["the notes themselves", "", "", own, "1.00", "", "", "0.0", ""])
    return table(header, rows)


def struck(found: dict[str, Morph]) -> str:
    sounds, rows = hits(np.random.default_rng(0)), []
    start = round(0.3 * RATE)
    for name, engine in found.items():
        if name in ("world", "latent (note model)"):
            continue
        rise, early, level = [], [], []
        for a, b in itertools.combinations(sounds, 2):
            y = engine(a, b, RATE, amount=0.5)
            rise.append(steepness(y) / np.sqrt(steepness(a) * steepness(b)))
            early.append(10 * np.log10(max(float((y[:, : start - 110] ** 2).sum() / (y**2).sum()), 1e-12)))
            level.append(abs(db(2 * rms(y) / (rms(a) + rms(b)))))
        rows.append([name, f"{np.exp(np.mean(np.log(rise))):.2f}", f"{max(early):.0f}", f"{max(level):.1f}"])
    return table(
        [
            "struck sounds, amount 0.5",
            "attack, x as steep as the inputs'",
            "energy before the attack, worst dB",
            "level, worst dB",
        ],
        rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notes", nargs="?", type=Path)
    parser.add_argument("--dcgan")
    options = parser.parse_args()
    sounds = synthetic() + (recorded(options.notes) if options.notes else [])
    found = engines(options.dcgan)
    parts = [tones(found), notes(found, sounds), struck(found)]
    count = len(sounds) * (len(sounds) - 1) // 2
    text = (
        f"{count} pairs of {len(sounds)} pitched notes ({', '.join(name for name, _ in sounds)}) and 3 pairs of struck"
        " sounds, none of which a network was trained on. Distance at the ends: log-spectral, between A and the morph"
        " at an amount of almost 0 (at 0 itself every engine returns A); a turn goes from A to B in 2 s. Speed in"
        f" processor time, one of {os.cpu_count()} cores."
    )
    if options.dcgan:
        from audiokit.models.folder.checkpoint import read_card

        card = read_card(options.dcgan)
        text += f" The DCGAN saw {card['training_data']['minutes']:.0f} minutes of notes"
        text += f" in {last_step(Path(options.dcgan))} steps; it is not shipped."
    publish("morph", "\n\n".join([*parts, text]))


def last_step(folder: Path) -> str:
    import json

    lines = (folder / "metrics.jsonl").read_text().splitlines() if (folder / "metrics.jsonl").exists() else []
    return f"{json.loads(lines[-1])['step']:,}" if lines else "?"


if __name__ == "__main__":
    main()
