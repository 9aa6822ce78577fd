"""Speed of the MelGAN generator as `invert` runs it, beside the authors' way: weight norm live, everything at once.

    python -m tests.bench.bench_vocoder [--seconds 8] [--threads 2]

The full-size network with random weights; the same audio to 1e-4. Processor time, so that other work disturbs little.
"""

from __future__ import annotations

import argparse
import copy
import time
import warnings

import numpy as np
import torch

from audiokit.dsp.presets import find_preset
from audiokit.models.melgan import Melgan
from audiokit.models.vocoder import VocoderEngine, card_of


def main() -> None:
    """Print seconds and the factor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
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
    frames = round(options.seconds * 22_050 / 256)
    mel = 10 ** np.random.default_rng(0).uniform(-5, 1, (1, 80, frames)).astype(np.float32)

    def authors():
        with torch.no_grad():
            return official.model(torch.from_numpy(np.log10(mel)))[:, 0].numpy()

    def ours():
        engine = VocoderEngine(transform, 1, network, card, "melgan")
        return np.concatenate([engine.push(mel), engine.finish(None)], axis=1)

    best = {"authors' way": np.inf, "audiokit": np.inf}
    for _ in range(3):
        for name, function in (("authors' way", authors), ("audiokit", ours)):
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            best[name] = min(best[name], time.process_time() - cpu)
            print(
                f"  {name:14s} {time.perf_counter() - wall:6.2f} s wall, {time.process_time() - cpu:6.2f} s processor"
            )
    print(f"largest difference {np.abs(authors() - ours()).max():.1e}")
    print(f"audiokit needs {best['audiokit']:.2f} s, {best[AUTHORS] / best['audiokit']:.2f} x as fast")


AUTHORS = "authors' way"

if __name__ == "__main__":
    main()
