"""Groove: off-beats on their new places, and what the bending of time does to the sound.

    python -m tests.bench.bench_groove [--shared ../shared]

Songs are synthesised with known beats and eighths, straight and swung, so that what `stylize --engine groove` makes can
be compared with the same song played that way; recordings with a known grid are read when the folder is there. Damage
is compared with that of the same warper when it changes the tempo by as much as a swing changes halves of beats: by the
distance to the song played so, and by STOI and PESQ of what is warped there and back along the same map. Accents are
taken from one song and compared with another that was played with them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import soxr

import audiokit
from audiokit.dsp.rhythm.accents import accents, attack_levels
from audiokit.dsp.rhythm.beats import Beats, track_beats
from audiokit.dsp.rhythm.bending import bend
from audiokit.dsp.rhythm.groove import Groove, attack_starts, find_groove, groove_map
from audiokit.dsp.rhythm.onsets import attack_times
from audiokit.dsp.rhythm.playing import samples_of
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
SWING = 0.66
# What 66 makes of the two halves of a beat.
FACTORS = (0.757, 1.471)
JUDGED_S = 20
# Where less rises there is no attack, and what is found is chance.
RISE = 0.6
# Beats and off-beats of a bar, of the song whose accents are taken.
ACCENTS_DB = ((0, -6), (4, -2), (-1, -6), (3, 2))
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
    """Milliseconds by which attacks miss their places, beyond what they missed the old ones by, where there are any."""
    found, _ = attack_times(y, rate, wanted, reach_s=0.04)
    known, rises = attack_times(source, rate, before, reach_s=0.04)
    return 1000 * np.abs((found - wanted) - (known - before))[rises > RISE]


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
    return f"| {' | '.join([*cells, damage, plain, *returned(y, rate), sharp, f'{spent:.2f}'])} |"


def alike(y, back, rate):
    """STOI, and PESQ of 16 kHz, of the first seconds of what came back."""
    from pesq import pesq
    from pystoi import stoi

    first, second = (soxr.resample(x[:, : JUDGED_S * rate].mean(axis=0), rate, 16_000) for x in (y, back))
    return np.array([stoi(first, second, 16_000), pesq(16_000, first, second, "wb")])


def returned(y, rate) -> tuple[str, str]:
    """STOI and PESQ of what was swung and swung back, and of what was stretched by as much and back."""
    seconds = y.shape[1] / rate
    groove = find_groove(y, rate, track_beats(y, rate))
    there, joins, length = groove_map(groove, SWING, seconds), attack_starts(groove, SWING), y.shape[1]
    away = np.hstack(list(bend(partial(samples_of, y), rate, there, joins, length)))
    home, joins = TimeMap(there.target_s, there.source_s), there.to_target(joins)
    grooved = alike(y, np.hstack(list(bend(partial(samples_of, away), rate, home, joins, length))), rate)
    judged = []
    for factor in FACTORS:
        one = TimeMap(np.array([0.0, seconds]), np.array([0.0, seconds * factor]))
        away = warp(y, rate, one, length=round(seconds * factor * rate))
        judged.append(alike(y, warp(away, rate, TimeMap(one.target_s, one.source_s), length=length), rate))
    first, second = ("{:.3f}, {:.2f}".format(*pair) for pair in (grooved, np.mean(judged, axis=0)))
    return first, second


def accented(kind: dict, style: Path, wanted) -> str:
    """One row: accents beside the style's without and with taking them, and how far the song played so is."""
    flat, truth = song(**kind, seed=1), song(**{**kind, "swing": 0.6}, seed=1, accents_db=ACCENTS_DB)
    cells, levels_db, distances = [], [], []
    for share in (0.0, 1.0):
        made = audiokit.stylize(flat.y, flat.rate, engine="groove", style=style, accents=share)
        levels_db.append(10 * np.log10(np.mean(made**2)))
        played = truth.y * np.sqrt(np.mean(made**2) / np.mean(truth.y**2))
        distances.append(f"{distance(made, played, flat.rate):.2f}")
        cells.append(accents_apart(heard_accents(made, flat.rate, kind["bpm"], flat.beats_s), wanted))
    return " | ".join([" -> ".join(cells), " -> ".join(distances), f"{levels_db[1] - levels_db[0]:+.2f}"])


def accents_apart(heard, wanted) -> str:
    """Mean distance in dB of the accents of the places of a bar, or why there is none."""
    silent = int(np.isnan(heard).sum() + np.isnan(wanted).sum())
    if silent:
        return f"- (nothing begins on {silent} of {heard.size} places)"
    # A bar of four that is counted from its middle is the same to the ear of this test.
    return f"{min(np.abs(np.roll(heard, k, axis=0) - wanted).mean() for k in (0, 2)):.1f}"


def heard_accents(y, rate, bpm, beats_s):
    """Accents of the places of the bar in dB (4, 2), of a song whose beats are known."""
    grid = Beats(beats_s, np.arange(0, len(beats_s), 4), bpm, 1.0)
    found = Groove(grid, np.full(len(beats_s) - 1, 0.6), 0.6, 1.0)
    return accents(replace(found, levels_db=attack_levels(y, rate, found)))


def accent_table() -> list[str]:
    """The table of accents taken from another song."""
    lines = [
        "| song | accents beside the style's, dB | log-mel dB to the song played so | level of the whole, dB |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path, style = Path(folder) / "style.wav", song(140, swing=0.6, seed=5, accents_db=ACCENTS_DB)
        audio.write(path, style.y, style.rate, subtype="FLOAT")
        wanted = heard_accents(style.y, style.rate, 140, style.beats_s)
        for name, kind in SONGS.items():
            lines.append(f"| {name} | {accented(kind, path, wanted)} |")
            print(lines[-1], flush=True)
    return lines


def stretched(kind: dict) -> str:
    """Damage of plain stretching: the same song played slower and faster, brought to its tempo."""
    truth, damage = song(**kind, seed=1), []
    for factor in FACTORS:
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
        " | plain stretching, dB | STOI, PESQ after the way back | plain stretching | attacks, dB | s per s |",
        "|---|---|---|---|---|---|---|---|---|---|",
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
        " There and back is 66 and then the song's own swing again. STOI and PESQ: the same map there and back, beside"
        " the same warper by 0.757 and 1.471 times the length and back. Attacks: how off-beats rise, before and after.",
        "",
        *accent_table(),
        "",
        "`stylize --engine groove --style OTHER`: OTHER is played at 140 with a swing of 60 and accents of"
        f" {ACCENTS_DB} dB (beats and off-beats of the bar). Without accents (`--accents 0`) -> with them.",
    ]
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "results/groove.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
