"""Groove: off-beats on their new places, and what the bending of time does to the sound.

    python -m tests.bench.bench_groove [--shared ../shared]

Songs are synthesised with known beats and eighths, straight and swung, so that what `stylize --engine groove` makes can
be compared with the same song played that way; recordings with a known grid are read when the folder is there. Damage
is compared with that of the same warper when it changes the tempo by as much as a swing changes halves of beats.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import audiokit
from audiokit.dsp.rhythm.beats import track_beats
from audiokit.dsp.rhythm.groove import find_groove
from audiokit.dsp.rhythm.onsets import attack_times
from audiokit.dsp.rhythm.warp import TimeMap, warp
from audiokit.dsp.spectrum.mel import mel_filterbank
from audiokit.dsp.spectrum.stft import stft
from audiokit.io import audio
from tests.swung import Song, song

SONGS = {
    "90 BPM": {"bpm": 90}, "104, sixteenths": {"bpm": 104, "sixteenths": True}, "120": {"bpm": 120},
    "132, sixteenths": {"bpm": 132, "sixteenths": True}, "150": {"bpm": 150}, "176": {"bpm": 176},
    "96, a little swung (58)": {"bpm": 96, "swing": 0.58}, "112, no drums": {"bpm": 112, "drums": False},
}  # fmt: skip
STEMS = Path("audio/stems/everythingisremixed")


def levels(y, rate):
    """Log-mel picture in dB, 80 dB deep."""
    mel = mel_filterbank(rate, 2048, 80) @ np.abs(stft(y.mean(axis=0, keepdims=True), n_fft=2048, hop=256)[0]) ** 2
    return 10 * np.log10(np.maximum(mel, 1e-8 * mel.max()))


def distance(y, truth, rate):
    """Mean difference of log-mel levels in dB."""
    n = min(y.shape[1], truth.shape[1])
    return float(np.abs(levels(y[:, :n], rate) - levels(truth[:, :n], rate)).mean())


def sharpness(y, rate, times):
    """Median rise in dB within 10 ms around attacks, the level taken over 5 ms."""
    width = round(0.005 * rate)
    power = np.convolve(y.mean(axis=0) ** 2, np.ones(width) / width, "same") + 1e-8
    at = np.round(times * rate).astype(int)
    at = at[(at > 2 * width) & (at < len(power) - 4 * width)]
    rise = [10 * np.log10(power[k : k + 2 * width].max() / power[k - 2 * width]) for k in at]
    return float(np.median(rise))


def missed(y, rate, wanted, source, before):
    """Milliseconds by which attacks miss their places, beyond what they missed the old ones by."""
    found, _ = attack_times(y, rate, wanted, reach_s=0.04)
    known, _ = attack_times(source, rate, before, reach_s=0.04)
    return 1000 * np.abs((found - wanted) - (known - before))


def measure(name: str, one: Song, period, truth: Song | None, plain):
    """One row: where off-beats and beats went, there and back, and the damage."""
    y, rate = one.y, one.rate
    inner = slice(1, len(one.off_beats_s) - 1)
    start = time.process_time()
    swung = audiokit.stylize(y, rate, engine="groove", swing=66.0)
    spent = (time.process_time() - start) / (y.shape[1] / rate)
    wanted = one.beats_s[: len(one.off_beats_s)] + 0.66 * period
    off = missed(swung, rate, wanted[inner], y, one.off_beats_s[inner])
    beat = missed(swung, rate, one.beats_s[inner], y, one.beats_s[inner])
    straight = max(50.0, 100 * find_groove(y, rate, track_beats(y, rate)).swing)
    back = audiokit.stylize(swung, rate, engine="groove", swing=straight)
    again = missed(back, rate, one.off_beats_s[inner], y, one.off_beats_s[inner])
    sharp = f"{sharpness(y, rate, one.off_beats_s):.1f} -> {sharpness(swung, rate, wanted):.1f}"
    damage = "" if truth is None else f"{distance(swung, truth.y, rate):.2f}"
    cells = [name, *(f"{np.median(v):.1f} ({np.quantile(v, 0.9):.1f})" for v in (off, beat, again))]
    return f"| {' | '.join([*cells, damage, plain, sharp, f'{spent:.2f}'])} |"


def stretched(kind: dict) -> str:
    """Damage of plain stretching: the same song played slower and faster, brought to its tempo."""
    truth, damage = song(**kind, seed=1), []
    for factor in (0.757, 1.471):  # what 66 makes of the two halves of a beat
        other = song(**{**kind, "bpm": kind["bpm"] / factor}, seed=1)
        seconds = truth.y.shape[1] / truth.rate
        line = TimeMap(
            np.array([0.0, *other.beats_s[[0, -1]], other.y.shape[1] / other.rate]),
            np.array([0.0, *truth.beats_s[[0, -1]], seconds]),
        )
        damage.append(distance(warp(other.y, other.rate, line, length=truth.y.shape[1]), truth.y, truth.rate))
    return f"{np.mean(damage):.2f}"


def recordings(shared: Path):
    """Excerpts whose beat grid is known."""
    for folder in sorted((shared / STEMS).glob("*")) if (shared / STEMS).is_dir() else []:
        mixture = next(iter(folder.glob("mixture.*")), None)
        if mixture and (folder / "beats.txt").exists():
            yield folder.name, mixture, np.loadtxt(folder / "beats.txt", usecols=0, ndmin=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    options = parser.parse_args()
    lines = [
        "| song | off-beats miss, ms | beats moved, ms | there and back, ms | log-mel dB to the song played so"
        " | plain stretching, dB | attacks, dB | s per s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, kind in SONGS.items():
        truth = song(**{**kind, "swing": 0.66}, seed=1)
        lines.append(measure(name, song(**kind, seed=1), 60 / kind["bpm"], truth, stretched(kind)))
        print(lines[-1], flush=True)
    for name, path, beats in recordings(options.shared):
        y, info = audio.read(path)
        groove = find_groove(y, info.rate, track_beats(y, info.rate))
        periods = np.diff(beats)
        one = Song(y, info.rate, beats[:-1], beats[:-1] + groove.swing * periods)
        lines.append(measure(f"{name} (recording, {100 * groove.swing:.0f})", one, periods, None, ""))
        print(lines[-1], flush=True)
    lines += [
        "",
        "`stylize --engine groove --swing 66`: median (nine in ten), against the grid that the song was played on."
        " There and back is 66 and then the song's own swing again. Attacks: how off-beats rise, before and after.",
    ]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "results/groove.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
