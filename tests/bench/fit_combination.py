"""Fit how the built-in separator's network, REPET and what comes back are weighed, and show what that gains.

    python -m tests.bench.fit_combination MODEL --unseen FOLDER [--unseen FOLDER ...] [--seen FOLDER] [--leave WORD ...]

FOLDERs hold folders of true stems: mixes of voices and players that the network was not trained on (`--unseen`), and
of ones that it was (`--seen`). Two sets of weights are fitted, from what is known of each moment alone, and of each
band and moment; see `audiokit.models.separation.combination`. The weights are put into the model's card. With
`--leave`, excerpts whose names hold one of the words are first judged by what is fitted on the others, and the others
by what is fitted on these.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from audiokit.models.folder.runtime import open_network
from audiokit.models.separation.combination import (
    GLOBAL,
    LEAST,
    LOCAL,
    WAYS,
    CombinedMasks,
    logarithms,
    of_bands,
    of_moments,
    softness,
)
from tests.bench.bench_split import load_song

NEVER = [[0.0] * (1 + LOCAL + GLOBAL)] * WAYS


@dataclass
class Example:
    """An excerpt by its bands (2, n, bands): what is known, and what the error of a mask depends on."""

    name: str
    local: Tensor
    overall: Tensor
    ways: Tensor
    power: Tensor
    shared: Tensor  # of mix and voice
    voice: Tensor

    def every(self, step: int, first: int = 0) -> Example:
        """Take every so many frames."""
        parts = {
            name: part[..., first::step, :] for name, part in vars(self).items() if name not in ("name", "overall")
        }
        return Example(self.name, overall=self.overall[:, first::step], **parts)


def example(folder: Path, masks: CombinedMasks) -> Example:
    """Work out what is known of the bands of an excerpt of true stems."""
    from audiokit.dsp.separation.bands import Bands
    from audiokit.dsp.separation.separate import Length, rotated, spectra
    from audiokit.models.separation.hearings import TwoHearings

    truth = load_song(folder)
    mix = (truth["vocals"] + truth["accompaniment"]).astype(np.float32)
    c = masks.config
    bands = Bands(n_fft=c.n_fft, bands=c.bands, single=c.single)
    X, V = (
        np.concatenate([*spectra([rotated(y)], c.n_fft, c.hop, Length())], axis=2)
        for y in (mix, truth["vocals"].astype(np.float32))
    )
    own, *known = masks.known(TwoHearings(masks, X.shape[2]).told(mix)[0])
    power = known[4]
    gathered = [bands.gather(y).transpose(0, 2, 1) for y in ((X * V.conj()).real, np.abs(V) ** 2)]
    scale = 1 / power.mean()
    found = (of_bands(own[0], *known), of_moments(own[0], *known), logarithms(own[0], *known))
    parts = (*found, *(scale * y for y in (power, *gathered)))
    print(folder.name, flush=True)
    return Example(folder.name, *(torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in parts))


def masked(ways: Tensor, exponents: Tensor) -> Tensor:
    """Raise and multiply."""
    return (exponents * ways).sum(dim=0).exp()


def exponents_of(one: Example, weights: Tensor) -> Tensor:
    """As in the separator: (WAYS, 2, n, bands), by the mean of sets (K, WAYS, ...)."""
    sums = torch.tensordot(weights[:, :, 1 + LOCAL :], one.overall, dims=1)[:, :, None, :, None]
    sums = sums + torch.tensordot(weights[:, :, 1 : 1 + LOCAL], one.local, dims=1) + weights[:, :, 0, None, None, None]
    found = torch.nn.functional.softplus(sums).mean(dim=0)
    raised = (float(LEAST) / found[:2].sum(dim=0).clamp_min(1e-6)).clamp_min(1)
    return torch.cat([found[:2] * raised, found[2:]]) * torch.from_numpy(softness(one.overall.numpy()))[:, None]


def quality(one: Example, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Give SI-SDR and SDR of the voice by its bands, dB; within a tenth or so of those of the waveform."""
    energy, found, kept = one.voice.sum(), (mask * one.shared).sum(), (mask.square() * one.power).sum()
    target = found.square() / energy
    return 10 * torch.log10(target / (kept - target) + 1e-9), 10 * torch.log10(energy / (kept - 2 * found + energy))


def mean_of(examples: Sequence[Example], what: Callable[[Example], Tensor]) -> Tensor:
    """Average something over excerpts."""
    return torch.stack([what(one) for one in examples]).mean(0)


def fit(examples: Sequence[Example], *, local: bool, rounds: int = 10, seed: int = 0) -> Tensor:
    """Fit one set of weights (1, WAYS, 1 + LOCAL + GLOBAL) by SI-SDR: SDR is best where faint voices are left out."""
    rng = np.random.default_rng(seed)
    local_means = mean_of(examples, lambda e: e.local.mean((1, 2, 3)))
    means = torch.cat([local_means, mean_of(examples, lambda e: e.overall.mean(1))])
    among = torch.stack([e.overall.mean(1) for e in examples]).std(0)
    spreads = torch.cat([mean_of(examples, lambda e: e.local.flatten(1).std(1)), among]) + 0.02
    used = torch.ones(LOCAL + GLOBAL)
    used[:LOCAL] = float(local)
    w = torch.zeros(WAYS, LOCAL + GLOBAL, requires_grad=True)
    b = torch.tensor([-0.43, -0.43, -2.0, -2.0], requires_grad=True)  # the geometric mean of network and REPET
    rate = 0.02 if local else 0.03
    optimizer = torch.optim.AdamW([w, b], lr=rate, weight_decay=0.3 if local else 0.01)

    def weights() -> Tensor:
        slopes = w * used / spreads
        return torch.cat([(b - slopes @ means)[:, None], slopes], dim=1)[None]

    steps = rounds * len(examples)
    order = np.concatenate([rng.permutation(len(examples)) for _ in range(rounds)])
    for step, index in enumerate(order):
        one = examples[index].every(5, int(rng.integers(5)))
        optimizer.param_groups[0]["lr"] = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        si_sdr, _ = quality(one, masked(one.ways, exponents_of(one, weights())))
        optimizer.zero_grad()
        (-si_sdr.clamp(-30, 25)).backward()
        torch.nn.utils.clip_grad_norm_([w, b], 5.0)
        optimizer.step()
    return weights().detach()


def fitted(unseen: Sequence[Example], seen: Sequence[Example]) -> Tensor:
    """Fit both sets (2, 3, ...): of moments on what the network has not seen, of bands on all."""
    return torch.cat([fit(unseen, local=False), fit([*unseen, *seen], local=True)])


def show(label: str, examples: Sequence[Example], weights: Tensor) -> None:
    """Print means beside those of the ways alone."""
    rows = {}
    fixed = {
        "network": (1, 0, 0, 0),
        "fast": (0.5, 0, 0.5, 0),
        "repet": (0, 1, 0, 0),
        "new": (0, 0, 0, 1),
        "geometric mean": (0.5, 0.5, 0, 0),
    }
    for name, powers in fixed.items():
        exponents = torch.tensor(powers)[:, None, None, None]
        rows[name] = [quality(e, masked(e.ways, exponents)) for e in examples]
    for k, name in enumerate(("by moments", "by bands")):
        rows[name] = [quality(e, masked(e.ways, exponents_of(e, weights[k : k + 1]))) for e in examples]
    rows["both"] = [quality(e, masked(e.ways, exponents_of(e, weights))) for e in examples]
    table = {name: np.array(row) for name, row in rows.items()}
    better = np.maximum(table["fast"], table["repet"])[:, 0]
    for name, row in table.items():
        si = row[:, 0]
        beside = f"{(si - better).mean():+.2f} to the better of fast and REPET, below on {(si < better - 0.1).sum()}"
        print(
            f"{label:10} {name:15} SI-SDR {si.mean():6.2f} SDR {row[:, 1].mean():6.2f}, {beside} of {len(si)}:", end=" "
        )
        print(" ".join(f"{x:.1f}" for x in si), flush=True)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--unseen", type=Path, action="append", required=True)
    parser.add_argument("--seen", type=Path, action="append", default=[])
    parser.add_argument("--leave", action="append", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    masks = CombinedMasks(open_network(str(options.model), kind="split", device="cpu"), [NEVER])

    def examples(parents: Sequence[Path]) -> list[Example]:
        return [example(folder, masks) for parent in parents for folder in sorted(parent.iterdir()) if folder.is_dir()]

    unseen, seen = examples(options.unseen), examples(options.seen)
    if options.leave:
        away = [e for e in unseen if any(word in e.name for word in options.leave)]
        rest = [e for e in unseen if not any(word in e.name for word in options.leave)]
        show("left out", away, fitted(rest, seen))
        show("the others", rest, fitted(away, seen))
    weights = fitted(unseen, seen)
    show("fitted on", unseen, weights)
    path = options.model / "model.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["combination"] = [[[round(float(x), 3) for x in row] for row in one] for one in weights]
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
