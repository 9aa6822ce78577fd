"""Networks that take and give audio as engines: in overlapping windows, the last stem what the others leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from audiokit.dsp.separation.separate import separate_windows
from audiokit.errors import ParameterError
from audiokit.models.separation.engine import Engine
from audiokit.models.separation.settings import Settings

_WAVE_UNET_RATE = 44_100  # that of all released ones
#: Audio (2 * B, n), numbers of stems -> these stems (S, 2 * B, n).
Estimate = Callable[[np.ndarray, Sequence[int]], np.ndarray]


def roformer_engine(net: Any, settings: Settings, device: str) -> Engine:
    """Make an engine of a RoFormer; windows are as long as those it was trained on, or as `segment_s`."""
    import torch

    config = net.config

    def estimate(y: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(y)).to(device)
        n = x.shape[-1]
        x = torch.nn.functional.pad(x, (0, max(0, net.shortest - n))).reshape(-1, config.channels, max(n, net.shortest))
        with torch.inference_mode():
            found = net(x, list(numbers))[..., :n]  # (B, S, channels, n)
        return found.transpose(0, 1).reshape(len(numbers), -1, n).cpu().numpy()

    longest = min(config.chunk, round(settings.segment_s * config.rate))
    return in_windows(estimate, config.stems, config.rest, rate=config.rate, longest=longest)


def mdx_engine(net: Any, settings: Settings, device: str) -> Engine:
    """Make an engine of an MDX-Net; its windows are as long as its graph wants, whatever `segment_s` says.

    Raises:
        ParameterError: its frames do not overlap.
    """
    import torch

    config = net.config
    if config.n_fft < 2 * config.hop:
        raise ParameterError(f"frames of {config.n_fft} samples, {config.hop} apart, leave gaps", hint="see --n-fft")

    def estimate(y: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(y)).to(device).reshape(-1, 2, y.shape[1])
        with torch.inference_mode():
            return net(x).reshape(1, -1, y.shape[1]).cpu().numpy()

    return in_windows(estimate, (config.stem,), config.rest, rate=config.rate, longest=config.longest)


def wave_unet_engine(net: Any, settings: Settings, device: str) -> Engine:
    """Make an engine of a Wave-U-Net that separates waveforms; its stems do not add up to the mix.

    Raises:
        ParameterError: it maps something else than one or two channels of audio.
    """
    import torch

    from audiokit.models.separation.wave_unet import separate

    config = net.config
    if config.num_inputs not in (1, 2) or config.num_outputs != config.num_inputs:
        raise ParameterError(f"a Wave-U-Net of {config.num_inputs} channels to {config.num_outputs} separates no audio")
    names = tuple(config.instruments)

    def estimate(y: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(y)).to(device).reshape(-1, config.num_inputs, y.shape[1])
        found = [separate(net, pair) for pair in x]
        parts = [torch.cat([pair[names[number]] for pair in found]) for number in numbers]
        return torch.stack(parts).cpu().numpy()

    return in_windows(estimate, names, None, rate=_WAVE_UNET_RATE, longest=round(settings.segment_s * _WAVE_UNET_RATE))


def in_windows(estimate: Estimate, stems: Sequence[str], rest: str | None, *, rate: int, longest: int) -> Engine:
    """Make an engine of a function of audio.

    A window sees a quarter of its length beyond what is kept of it on either side, and is faded into the next over a
    tenth, so every moment is estimated twice.

    Args:
        estimate: gives stems by number.
        stems: their names.
        rest: the stem that is what the others leave, estimated or not; None if there is none.
        rate: Hz.
        longest: samples that `estimate` gets at most.
    """
    others = [number for number, stem in enumerate(stems) if stem != rest]
    names = [stems[number] for number in others]
    context = longest // 4

    def run(blocks: Iterable[np.ndarray], wanted: Sequence[str]) -> Iterator[np.ndarray]:
        # What is left is left by all the others.
        numbers = others if rest in wanted else [stems.index(stem) for stem in wanted]

        def found(y: np.ndarray) -> np.ndarray:
            parts = dict(zip((stems[k] for k in numbers), estimate(y, numbers), strict=True))
            if rest in wanted:
                parts[str(rest)] = y - sum(parts.values())
            return np.stack([parts[stem] for stem in wanted])

        core, fade = longest - 2 * context, min(context, longest // 10)
        return separate_windows(blocks, found, core=max(1, core), context=context, fade=fade)

    return Engine((*names, rest) if rest else tuple(names), rate, run, complete=rest is not None)


#: Architecture -> what makes an engine of its network.
WAVES: dict[str, Callable[[Any, Settings, str], Engine]] = {
    "mel-band-roformer": roformer_engine,
    "bs-roformer": roformer_engine,
    "mdx-net": mdx_engine,
    "wave-unet": wave_unet_engine,
}
