"""`stylize --engine optimize`: the style of a recording, without a trained model; what goes around the optimisation."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.engine import talk
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options
from audiokit.stages.stylize.once import once

if TYPE_CHECKING:
    from audiokit.models.style.features import Features
    from audiokit.models.style.optimizer import StyleOptimizer
#: Share of a window in common with the next; windows are long, and each costs an optimisation.
OVERLAP = 0.25


def make_optimizer(options: Options, device: str) -> tuple[StyleOptimizer, dict[str, Any]]:
    """Measure the style and get ready to optimise.

    Returns:
        What stands in for a network, and what stands in for its card.

    Raises:
        InputError: the style cannot be read, is silent or too short.
        ModelError: the features are no MelGAN discriminator.
    """
    from audiokit.models.style.optimizer import StyleOptimizer

    style, about = Sound.open(options["style"]), (options["features"], options["seed"], device)
    features, grams = once(style, lambda sound: _measured(sound, *about), "optimize", *about)
    say = None if talk.quiet() else _show
    made = StyleOptimizer(features, grams, iterations=options["iterations"], content=options["content"], say=say)
    return made, {"labels": {"from": "anything", "to": Path(style.name).stem}}


def _measured(style: Sound, spec: str, seed: int, device: str) -> tuple[Features, list[Any]]:
    import numpy as np

    from audiokit.models.style.features import load_features
    from audiokit.models.style.optimizer import STYLE_SECONDS, measure_style

    features = load_features(spec, seed=seed, device=device)
    rate = features.frontend.transform.rate
    parts, count = [np.zeros((1, 0), np.float32)], 0
    for block in style.at(rate, mono=True).blocks():
        parts.append(block)
        count += block.shape[1]
        if count >= STYLE_SECONDS * rate:
            break
    y = np.concatenate(parts, axis=1)
    return features, measure_style(y, features, name=style.name)


def _show(window: int, before: float, now: float, last: bool) -> None:
    """Tell how a window goes: every round on a terminal, only its end elsewhere."""
    text = f"audiokit: window {window + 1}: style distance {before:.3f} -> {now:.3f}"
    if sys.stderr.isatty():
        print(f"\r{text}", end="\n" if last else "", file=sys.stderr, flush=True)
    elif last:
        print(text, file=sys.stderr, flush=True)


class Stopwatch:
    """Report what an optimisation did to one sound, and what it cost."""

    def __init__(self, network: Any) -> None:
        self.network = network if hasattr(network, "before") else None
        if self.network is not None:
            self.network.forget()
        self.start = time.perf_counter()

    def report(self, seconds: float) -> dict[str, Any]:
        """Give fields for the report on a sound of so many seconds; none for a trained model."""
        if self.network is None or not self.network.before:
            return {}
        count = len(self.network.before)
        return {
            "style_distance": {
                "before": round(sum(self.network.before) / count, 4),
                "after": round(sum(self.network.after) / count, 4),
            },
            "iterations": self.network.steps,
            "seconds_per_second": round((time.perf_counter() - self.start) / max(seconds, 1e-9), 3),
        }
