"""Style transfer without a trained model: change a picture until its feature statistics are those of another sound.

Used like a network by `audiokit.models.style.stylizer`: a window of the content goes in, the optimised window comes
out. The change is what is optimised, starting from none; the content's own features hold on to what happens when.

References:
    Gatys, Ecker and Bethge (2016), eq. 7; the references of `audiokit.models.style.features`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from audiokit.dsp.spectrum.stft import stft
from audiokit.dsp.spectrum.style import peak_of, picture, resolved
from audiokit.errors import InputError, ParameterError
from audiokit.models.style.features import Features, gram

#: Iterations between two looks at whether it still pays.
_ROUND = 10
#: A round that lowers the loss by less than this share is the last.
_PLATEAU = 0.01
#: A bin may become this much louder than the loudest of the window.
_HEADROOM_DB = 12.0
#: The style is at most this long; more would tell nothing new about it.
STYLE_SECONDS = 300.0


@dataclass
class StyleOptimizer:
    """Give a picture the feature statistics of a style.

    Attributes:
        features: what is looked at.
        style: Gram matrices to reach, as `measure_style` gives them.
        iterations: most steps of L-BFGS per window.
        content: weight of the distance to the content's own features.
        say: called with (window, style distance before, now, whether it is done) after every round.
        before, after: style distances of the windows so far: 1 is as far as silence is.
        steps: iterations so far.
    """

    features: Features
    style: list[Tensor]
    iterations: int = 100
    content: float = 1.0
    say: Callable[[int, float, float, bool], None] | None = None
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.content < 0:
            raise ParameterError("the optimisation takes at least one iteration and a content weight of 0 or more")

    def forget(self) -> None:
        """Begin the records anew."""
        self.before.clear()
        self.after.clear()
        self.steps = 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Change a picture (1, 1, bins, N), in the front-end's own units."""
        t = self.features.frontend.transform
        device = next(self.features.buffers()).device
        levels = (torch.from_numpy(x[0, 0]).to(device) - t.offset) / t.slope
        changed = self._optimised(levels)
        return (changed * t.slope + t.offset)[None, None].detach().cpu().numpy()

    def distance(self, maps: list[Tensor]) -> Tensor:
        """Measure how far feature maps are from the style: mean relative error of their Gram matrices."""
        return torch.stack([(gram(f) - g).norm() / g.norm() for f, g in zip(maps, self.style, strict=True)]).mean()

    def _optimised(self, levels: Tensor) -> Tensor:
        mean_db, phase = mean_level(levels), self.features.phase(levels)
        with torch.no_grad():
            own = self.features(levels, mean_db, phase)
            start = float(self.distance(own))
        # In units of 10 dB, so that the first step is of a sensible size.
        change = torch.zeros_like(levels, requires_grad=True)
        search = torch.optim.LBFGS([change], max_iter=_ROUND, history_size=10, line_search_fn="strong_wolfe")
        found = {"distance": start, "loss": 0.0}
        # No bin grows far beyond the loudest there is: a long step of the search would overflow.
        ceiling = levels.max() + _HEADROOM_DB

        def moved() -> Tensor:
            return torch.minimum(levels + 10 * change, ceiling)

        def closure() -> Tensor:
            search.zero_grad()
            result = moved()
            maps = self.features(result, mean_level(result), phase)
            distance = self.distance(maps)
            kept = torch.stack(
                [(f - o).square().sum() / (o.square().sum() + 1e-9) for f, o in zip(maps, own, strict=True)]
            )
            loss = distance + self.content * kept.mean()
            loss.backward()
            found["distance"], found["loss"] = float(distance.detach()), float(loss.detach())
            return loss

        last = start
        for _ in range(0, self.iterations, _ROUND):
            before = change.detach().clone()
            search.step(closure)
            if not (np.isfinite(found["loss"]) and bool(torch.isfinite(change).all())):
                with torch.no_grad():
                    change.copy_(before)
                break
            self.steps += _ROUND
            self._tell(start, found["distance"], False)
            if last - found["loss"] < _PLATEAU * last:
                break
            last = found["loss"]
        with torch.no_grad():
            result = moved()
            reached = float(self.distance(self.features(result, mean_level(result), phase)))
        self._tell(start, reached, True)
        self.before.append(start)
        self.after.append(reached)
        return result

    def _tell(self, start: float, now: float, done: bool) -> None:
        if self.say is not None:
            self.say(len(self.before), start, now, done)


def mean_level(levels: Tensor) -> Tensor:
    """Mean power of a picture (bins, N), in dB."""
    return 10 * torch.log10((10 ** (levels / 10)).mean() + 1e-12)


@torch.no_grad()
def measure_style(y: np.ndarray, features: Features, *, name: str = "style") -> list[Tensor]:
    """Average the Gram matrices of a sound over windows.

    Args:
        y: audio (1, T) at the front-end's rate.
        features: what is looked at.
        name: of the sound, for errors.

    Returns:
        One matrix per feature map.

    Raises:
        InputError: it is silent or shorter than half a second.
    """
    frontend = features.frontend
    t = frontend.transform
    if y.shape[1] < t.rate // 2:
        raise InputError(
            f"{name}: {y.shape[1] / t.rate:.2f} s of sound, too little to tell a style from", hint="give 5 s or more"
        )
    S = stft(y, n_fft=t.n_fft, hop=t.hop, window=t.window)
    peak = peak_of(S, frontend, n_fft=t.n_fft)
    if peak <= 0:
        raise InputError(f"{name}: only silence, which has no style")
    device = next(features.buffers()).device
    whole = picture(S, frontend, resolved(frontend, peak), n_fft=t.n_fft)[0]
    total: list[Tensor] = []
    frames = 0
    for a in range(0, max(1, whole.shape[1] - frontend.frames // 2), frontend.frames):
        x = torch.from_numpy((whole[:, a : a + frontend.frames] - t.offset) / np.float32(t.slope)).to(device)
        maps = features(x, mean_level(x), features.phase(x))
        parts = [x.shape[1] * gram(f) for f in maps]
        total = parts if not total else [s + p for s, p in zip(total, parts, strict=True)]
        frames += x.shape[1]
    return [s / frames for s in total]
