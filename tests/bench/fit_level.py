"""Train audiokit/dsp/rhythm/level.npz, which chooses among paths of beats, on music drawn at random; say how well.

    python -m tests.bench.fit_level [--jobs 2] [--part 1.0] [--out level.npz]

Three generators: drum patterns, arrangements played by fluidsynth on two soundfonts, and songs, with and without drums,
more of them slow or swung than come by themselves; some of each as another studio would leave them, so that a network
which has only heard clean synthesis learns less of it. No
annotated recording is learnt from. What is judged (JUDGED) was not learnt from either, and the bench uses other seeds
again. Several small networks are trained and joined to one of as many hidden units: their scores are averaged. The
shipped one counts for two thirds beside the one before (--beside), which had heard no harmony: it is needed where the
harmony misleads.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.dsp.rhythm.beats import level_paths, smooth
from audiokit.dsp.rhythm.harmony import Harmony
from audiokit.dsp.rhythm.level import ARRAYS, NETWORK, level_scores
from audiokit.dsp.rhythm.metre import Evidence, level_features
from audiokit.dsp.rhythm.onsets import onset_curves
from audiokit.dsp.rhythm.tempo import HIGHEST_BPM, LOWEST_BPM, normalised_curve
from tests.arrangements import arrange, play
from tests.drums import random_pattern
from tests.full_songs import WAYS, beatless, full_song, produced

#: Measures of every path (K, M), how well each fits (K,), its tempo (K,), and what it was drawn from.
Example = tuple[np.ndarray, np.ndarray, np.ndarray, str]

RATE = 22_050
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
#: Kind, first seed, count, which seeds are produced anew: every 1st, every 2nd (0: none). Songs may be "bare" (their
#: drums are silent), "slow" (60 to 95 BPM, where half of what is played is often twice a tempo too), and "swung".
LEARNT = (
    ("pattern", 1000, 150, 2), ("pattern", 1700, 190, 2), ("arrangement", 30_000, 76, 0),
    ("arrangement", 31_000, 190, 2), ("song", 40_000, 380, 3), ("bare song", 3001, 250, 2), ("slow song", 6001, 95, 2),
    ("slow bare song", 7001, 55, 2), ("swung song", 5000, 90, 3), ("swung bare song", 5200, 90, 3),
)  # fmt: skip
JUDGED = (
    ("pattern", 1300, 80, 0), ("arrangement", 31_320, 60, 2), ("song", 1, 60, 0), ("bare song", 1, 60, 0),
    ("slow song", 5001, 30, 0), ("slow bare song", 5101, 30, 0),
)  # fmt: skip
#: Every third arrangement that is learnt from is played on another soundfont, where there is one.
OTHER_SOUNDFONT = "/usr/share/sounds/sf2/TimGM6mb.sf2"
#: Arrangements from this seed on are judged, on one soundfont.
JUDGED_FROM = 31_320
#: Patterns from this seed on last 10 to 26 s, others 20.
LENGTHS_FROM = 1700
#: Paths that fit this much less than the best count as right too.
NEARLY = 0.05
# Networks, hidden units of each, passes, examples of a step.
_NETWORKS, _HIDDEN, _PASSES, _BATCH = 6, 24, 40, 32
# Everything but songs is drawn this much more often: there are more songs, and other music is less alike.
_OTHERS = 2.0
# In this part of the examples the tempo is known: only paths near it are compared, as where a tempo is given.
_KNOWN, _NEAR = 0.3, 0.08


def music(kind: str, seed: int, every: int, soundfont: str = SOUNDFONT) -> tuple[np.ndarray, np.ndarray, float]:
    """Audio (C, T), its beats, and how near in seconds a found beat has to be."""
    if kind == "beatless":
        y, beats_s, within_s = beatless(seed), np.zeros(0), 0.05
    elif kind == "pattern":
        drawn = random_pattern(seed, seconds=20 if seed < LENGTHS_FROM else 10 + 4 * (seed % 5))
        y, beats_s, within_s = drawn.y, drawn.beats_s, 0.045
    elif kind == "arrangement":  # instruments speak a little after the note
        made = arrange(seed)
        other = seed % 3 == 0 and seed < JUDGED_FROM and Path(OTHER_SOUNDFONT).is_file()
        y, beats_s, within_s = play(made, OTHER_SOUNDFONT if other else soundfont, rate=RATE), made.beats_s, 0.07
    else:
        seed = 10 * seed + list(WAYS).index("swing") if "swung" in kind else seed
        bpm = round(60 * (95 / 60) ** np.random.default_rng([seed, 9]).random(), 1) if "slow" in kind else None
        song = full_song(seed, bpm=bpm, drums="bare" not in kind)
        y, beats_s, within_s = song.y, song.beats_s, 0.05
    return (produced(y, seed) if every and seed % every == every - 1 else y), beats_s, within_s


def example(job: tuple[str, int, int], soundfont: str = SOUNDFONT) -> Example:
    """Every path of beats through one piece of music: what it measures and how well it fits."""
    y, beats_s, within_s = music(*job, soundfont)
    curves = onset_curves(y, RATE)
    curve = normalised_curve(smooth(curves.total), curves.frames_per_s)
    evidence, measures, fits, bpm = Evidence.of(curves, curve, Harmony.of(y, RATE)), [], [], []
    for path, even in level_paths(curve, curves.frames_per_s, (LOWEST_BPM, HIGHEST_BPM)):
        hits = np.abs(beats_s[:, None] - curves.time(path)[None, :]).min(axis=1) < within_s
        measures.append(level_features(evidence, path, even=even))
        fits.append(2 * hits.sum() / (len(beats_s) + len(path)))
        bpm.append(60 * curves.frames_per_s / float(np.median(np.diff(path))) if len(path) > 1 else 1.0)
    return np.array(measures), np.array(fits), np.array(bpm), job[0]


def _stacked(examples: list[Example], centre: np.ndarray, spread: np.ndarray) -> Any:
    """Measures (E, K, M), right (E, K), present (E, K) and tempo (E, K) as tensors, short lists filled up."""
    import torch

    shape = (len(examples), max(len(fits) for _, fits, _, _ in examples))
    scaled = np.zeros((*shape, len(centre)), np.float32)
    right, present, tempo = np.zeros(shape, bool), np.zeros(shape, bool), np.ones(shape, np.float32)
    for row, (measures, fits, bpm, _) in enumerate(examples):
        k = len(fits)
        scaled[row, :k] = np.clip((measures - centre) / spread, -5, 5)
        right[row, :k], present[row, :k], tempo[row, :k] = fits > fits.max() - NEARLY, True, bpm
    return tuple(torch.from_numpy(array) for array in (scaled, right, present, tempo))


def train(examples: list[Example], centre: np.ndarray, spread: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Train one network so that the right paths of each example are likely beside its others."""
    import torch

    torch.manual_seed(seed)
    rng, size = np.random.default_rng(seed), len(centre)
    scaled, right, present, tempo = _stacked(examples, centre, spread)
    hidden, straight = torch.nn.Linear(2 * size, _HIDDEN), torch.nn.Linear(size, 1, bias=False)
    out = torch.nn.Linear(_HIDDEN, 1, bias=False)
    weights = [*hidden.parameters(), *straight.parameters(), *out.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=6e-3, weight_decay=0.1)
    batch = min(_BATCH, len(examples))
    steps = len(examples) // batch
    plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=_PASSES * steps)
    share = np.array([1.0 if "song" in kind else _OTHERS for *_, kind in examples])
    for _ in range(_PASSES):
        order = rng.choice(len(examples), steps * batch, p=share / share.sum())
        for chosen in order.reshape(steps, batch):
            good, here, bpm = right[chosen], present[chosen], tempo[chosen]
            one = bpm.gather(1, good.float().multinomial(1))
            known = torch.rand(batch, 1) < _KNOWN
            here = here & (~known | ((bpm / one).log().abs() < _NEAR))
            weight = here[..., None].float()
            mean = (scaled[chosen] * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
            both = torch.cat([scaled[chosen], mean.expand_as(scaled[chosen])], dim=2)
            units = torch.nn.functional.dropout(torch.relu(hidden(both)), 0.3)
            scores = (out(units) + straight(scaled[chosen]))[..., 0].masked_fill(~here, -1e9)
            right_ones = scores.masked_fill(~(good & here), -1e9)
            loss = (torch.logsumexp(scores, 1) - torch.logsumexp(right_ones, 1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            plan.step()
    first = hidden.weight.detach().numpy().T
    return {
        "own": first[:size], "context": first[size:], "bias": hidden.bias.detach().numpy(),
        "out": out.weight.detach().numpy()[0], "straight": straight.weight.detach().numpy()[0],
    }  # fmt: skip


def joined(networks: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One network whose score is the mean of those of several."""
    side_by_side = {name: np.concatenate([net[name] for net in networks], axis=-1) for name in networks[0]}
    side_by_side["out"] /= len(networks)
    return {**side_by_side, "straight": np.mean([net["straight"] for net in networks], axis=0)}


def beside(network: dict[str, np.ndarray], other: dict[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    """One network whose score is that of two, the other's counting `share`.

    The other may know only the first measures. Its weights are brought to the scale of the measures of the first.
    """
    known, size = len(other["centre"]), len(network["centre"])
    scale = network["spread"][:known] / other["spread"]
    moved = (network["centre"][:known] - other["centre"]) / other["spread"]
    padded = {"bias": other["bias"] + moved @ (other["own"] + other["context"]), "out": share * other["out"]}
    for name in ("own", "context"):
        padded[name] = np.pad(other[name] * scale[:, None], ((0, size - known), (0, 0)))
    both = {name: np.concatenate([network[name], padded[name]], axis=-1) for name in ("own", "context", "bias")}
    both["out"] = np.concatenate([(1 - share) * network["out"], padded["out"]])
    straight = np.pad(other["straight"] * scale, (0, size - known))
    both["straight"] = (1 - share) * network["straight"] + share * straight
    return {**network, **both}


def judge(examples: list[Example], network: dict[str, np.ndarray]) -> None:
    """Print, per kind, the mean fit of the chosen paths, of the best ones (an oracle), and how often it is right."""
    for kind in sorted({kind for *_, kind in examples}):
        rows = []
        for measures, fits, _, of in examples:
            if of == kind:
                got = fits[int(level_scores(measures, network).argmax())]
                rows.append((got, fits.max(), got > fits.max() - NEARLY))
        got, best, right = np.mean(rows, axis=0)
        print(f"{kind}: mean fit {got:.3f} of at most {best:.3f}, right {right:.1%} of {len(rows)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--part", type=float, default=1.0, help="of the music, for a quick look")
    parser.add_argument("--soundfont", default=SOUNDFONT)
    parser.add_argument("--beside", type=Path, help="a network trained before, to be joined to it")
    parser.add_argument("--share", type=float, default=0.33, help="how much that one's score counts")
    parser.add_argument("--out", type=Path, default=NETWORK)
    given = parser.parse_args()
    sets = []
    with ProcessPoolExecutor(given.jobs) as pool:
        for table in (LEARNT, JUDGED):
            jobs = [(kind, a + k, every) for kind, a, n, every in table for k in range(max(1, round(n * given.part)))]
            sets.append(list(pool.map(partial(example, soundfont=given.soundfont), jobs, chunksize=4)))
    learnt, judged = sets
    everything = np.concatenate([measures for measures, *_ in learnt])
    centre, spread = everything.mean(axis=0), everything.std(axis=0) + 1e-3
    network = joined([train(learnt, centre, spread, seed) for seed in range(_NETWORKS)])
    network |= {"centre": centre, "spread": spread}
    if given.beside:
        with np.load(given.beside) as other:
            network = beside(network, {name: other[name].astype(np.float32) for name in ARRAYS}, given.share)
    small = {name: values.astype(np.float16) for name, values in network.items()}
    network = {**small, "centre": centre.astype(np.float32), "spread": spread.astype(np.float32)}
    np.savez_compressed(given.out, **network)
    judge(judged, {name: values.astype(np.float32) for name, values in network.items()})


if __name__ == "__main__":
    main()
