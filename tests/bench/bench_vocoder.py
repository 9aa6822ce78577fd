"""Speed of the MelGAN generator as `invert` runs it, beside the authors' way: weight norm live, everything at once.

    python -m tests.bench.bench_vocoder [--seconds 8 16] [--threads 2]

The full-size network with random weights; the same audio to 1e-4. Processor time, so that other work disturbs little.
"""

from __future__ import annotations

import argparse
import copy
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

from audiokit.dsp.spectrum.presets import find_preset
from audiokit.models.folder.runtime import TorchNetwork
from audiokit.models.vocoders.base import card_of
from audiokit.models.vocoders.melgan import Melgan
from audiokit.models.vocoders.vocoder import VocoderEngine
from tests.bench.measure import publish, table


def main() -> None:
    """Print seconds and the factor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[8.0, 16.0])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    network = Melgan().eval()
    official = copy.deepcopy(network)
    for module in official.modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
            torch.nn.utils.weight_norm(module)
    transform = find_preset("melgan").transform("melgan")
    card = card_of(network, architecture="melgan", preset="melgan", source="random")
    rows, furthest = [], 0.0
    for seconds in options.seconds:
        frames = round(seconds * 22_050 / 256)
        mel = 10 ** np.random.default_rng(0).uniform(-5, 1, (1, 80, frames)).astype(np.float32)

        def authors(mel: np.ndarray = mel) -> np.ndarray:
            with torch.no_grad():
                return official.model(torch.from_numpy(np.log10(mel)))[:, 0].numpy()

        def ours(mel: np.ndarray = mel) -> np.ndarray:
            engine = VocoderEngine(transform, 1, TorchNetwork(network, card), "melgan")
            return np.concatenate([engine.push(mel), engine.finish(None)], axis=1)

        rows += compare(seconds, authors, ours)
        furthest = max(furthest, float(np.abs(authors() - ours()).max()))
    note = (
        f"MelGAN's full-size generator on mel frames, {options.threads} thread(s), best of three; largest difference"
        f" between both {furthest:.0e}. The authors' way holds the whole sound at once, and slows down when it is long."
    )
    header = ("MelGAN", "seconds", "x real time", "audio s per processor s", "times as fast, wall", "processor")
    publish("vocoder", f"{note}\n\n{table(header, rows)}")


def compare(seconds: float, authors: Callable[[], np.ndarray], ours: Callable[[], np.ndarray]) -> list[tuple[str, ...]]:
    """Time both in turns."""
    best = {AUTHORS: (np.inf, np.inf), "audiokit": (np.inf, np.inf)}
    for _ in range(3):
        for name, function in ((AUTHORS, authors), ("audiokit", ours)):
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            spent = (time.perf_counter() - wall, time.process_time() - cpu)
            best[name] = (min(best[name][0], spent[0]), min(best[name][1], spent[1]))
    return [
        (
            name,
            f"{seconds:g}",
            *(f"{seconds / t:.1f}" for t in times),
            *(f"{a / t:.2f}" for a, t in zip(best[AUTHORS], times, strict=True)),
        )
        for name, times in best.items()
    ]


AUTHORS = "authors' way"

if __name__ == "__main__":
    main()
