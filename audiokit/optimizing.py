"""`stylize --engine optimize`: the style of a recording, without a trained model; what goes around the optimisation."""

from __future__ import annotations

import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.errors import InputError, UsageError

if TYPE_CHECKING:
    from audiokit.models.style.features import Features
    from audiokit.models.style.optimizer import StyleOptimizer
    from audiokit.stylizing import StylizeOptions

ENGINES = ("model", "optimize")
#: Share of a window in common with the next; windows are long, and each costs an optimisation.
OVERLAP = 0.25


def check_engine(options: StylizeOptions) -> None:
    """Refuse an unknown engine, or one without what it needs (UsageError)."""
    if options.engine not in ENGINES:
        raise UsageError(f"--engine {options.engine}: not one of {', '.join(ENGINES)}")
    if (options.engine == "optimize") != (options.style is not None):
        missing = "--engine optimize needs --style" if options.style is None else "--style is for --engine optimize"
        raise UsageError(missing, hint="audiokit stylize CONTENT --engine optimize --style STYLE -o OUT")


def make_optimizer(options: StylizeOptions) -> tuple[StyleOptimizer, dict[str, Any]]:
    """Measure the style and get ready to optimise.

    Returns:
        What stands in for a network, and what stands in for its card.

    Raises:
        InputError: the style cannot be read, is silent or too short.
        ModelError: the features are no MelGAN discriminator.
    """
    from audiokit.models.style.optimizer import StyleOptimizer

    path = Path(str(options.style))
    if not path.is_file():
        raise InputError(f"{path}: no such file", hint="--style takes one recording")
    features, grams = _measured(str(path), path.stat().st_mtime_ns, options.features, options.seed, options.device)
    say = _show if options.say else None
    made = StyleOptimizer(features, grams, iterations=options.iterations, content=options.content, say=say)
    return made, {"labels": {"from": "anything", "to": path.stem}}


@lru_cache(maxsize=2)
def _measured(style: str, _changed: int, spec: str, seed: int, device: str) -> tuple[Features, list[Any]]:
    from audiokit.io.audio import Reader
    from audiokit.models.style.features import load_features
    from audiokit.models.style.optimizer import STYLE_SECONDS, measure_style

    features = load_features(spec, seed=seed, device=device)
    rate = features.frontend.transform.rate
    parts, count = [np.zeros((1, 0), np.float32)], 0
    with Reader(style, rate=rate, mono=True) as reader:
        for block in reader.blocks(rate):
            parts.append(block)
            count += block.shape[1]
            if count >= STYLE_SECONDS * rate:
                break
    y = np.concatenate(parts, axis=1)
    return features, measure_style(y, features, name=style)


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
