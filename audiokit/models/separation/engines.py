"""The engines that can separate: networks, classical methods and Demucs, loaded as settings ask for them.

References:
    Hennequin et al. (2020), Spleeter; see also the modules of the networks and of the masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from audiokit.dsp.separation.separate import Masking, averaged, separate
from audiokit.errors import ParameterError
from audiokit.models.separation.engine import Engine
from audiokit.models.separation.settings import (
    CLASSICAL,
    DEFAULT,
    DEMUCS,
    SPLEETER_MULTIPLE,
    SPLEETER_REACH,
    Settings,
    resolve_engine,
)

if TYPE_CHECKING:
    from audiokit.models.folder.runtime import Network


def load_engine(settings: Settings) -> Engine:
    """Make the engine that settings ask for; networks stay loaded in this process.

    Raises:
        ParameterError: settings that exclude each other, or that do not fit the model.
        ModelError: the model is unknown or not for this.
        MissingExtraError: the engine needs an optional package.
    """
    kind = resolve_engine(settings)
    if kind == "center":
        return Engine(CLASSICAL["center"], 0, _center, complete=True)
    if kind == "demucs":
        from audiokit.models.separation.demucs import demucs_engine

        return demucs_engine(settings.model or DEMUCS, settings.device)
    compat = settings.compat and kind == "model"
    if kind in CLASSICAL:
        masking, share = _classical(kind), 0.0
    else:
        masking, share = _network_masking(replace(settings, stems=None))

    def run(blocks: Iterable[np.ndarray], stems: Sequence[str]) -> Iterator[np.ndarray]:
        if not share:
            return separate(blocks, masking, stems=stems)
        return averaged(blocks, [(1 - share, masking), (share, _classical("repet"))], stems=stems)

    return Engine(tuple(masking.stems), masking.rate, run, masking.complete and not compat, compat)


def _center(blocks: Iterable[np.ndarray], stems: Sequence[str]) -> Iterator[np.ndarray]:
    """Call what left and right have in common the voice, and what is left of the mix accompaniment."""
    for y in blocks:
        middle = np.repeat(0.5 * (y[0::2] + y[1::2]), 2, axis=0)
        parts = {"vocals": middle, "accompaniment": y - middle}
        yield np.stack([parts[stem] for stem in stems])


def _classical(engine: str) -> Masking:
    from audiokit.dsp.separation.masks import harmonic_percussive, repetition

    if engine == "hpss":
        return Masking(
            CLASSICAL["hpss"], 44_100, 2048, 512, lambda X: harmonic_percussive(np.abs(X)), 1024, before=8, after=8
        )
    hop_s = 1024 / 44_100
    # Half a minute each: music repeats within it, and the similarity matrix stays small.
    return Masking(
        CLASSICAL["repet"], 44_100, 4096, 1024, lambda X: repetition(np.abs(X), hop_s=hop_s), 1280, fade=43, after=43
    )


@lru_cache(maxsize=4)
def _network_masking(settings: Settings) -> tuple[Masking, float]:
    """Load a network; with it comes the share that REPET has in the result."""
    from audiokit.models.folder.runtime import open_network

    name = settings.model or DEFAULT
    network = open_network(name, kind="split", device=settings.device)
    if network.card["architecture"] == "spleeter-unet":
        return _spleeter(network, settings), 0.0
    if settings.engine == "spleeter" or settings.compat or settings.mwf:
        name = settings.model or "the built-in model"
        raise ParameterError(f"{name} is not one of Spleeter's: --engine spleeter, --compat and --mwf do not fit it")
    share = float(network.card.get("repet_share", 0.0)) if settings.quality == "best" else 0.0
    return _banded(network, settings), share


def _core(seconds: float, rate: int, hop: int, multiple: int) -> int:
    return max(1, round(seconds * rate / hop / multiple)) * multiple


def _banded(network: Network, settings: Settings) -> Masking:
    from audiokit.models.separation.band_masks import BandMasks

    masks = BandMasks(network)
    config = masks.config
    return Masking(
        tuple(config.stems),
        config.rate,
        config.n_fft,
        config.hop,
        masks,
        _core(settings.segment_s, config.rate, config.hop, config.multiple),
        before=config.reach,
        after=config.reach,
        mid_side=True,
        trimmed=True,
    )


def _spleeter(network: Network, settings: Settings) -> Masking:
    from audiokit.dsp.separation.masks import extend_upwards, ratio_masks

    config = network.settings
    bins, frames, multiple = config["bins"], config["frames"], SPLEETER_MULTIPLE
    own_rule = {"zeros": "zero", "average": "average"}[config["extension"]]
    high_band = settings.high_band or (own_rule if settings.compat else "average")

    def masks(X: np.ndarray) -> np.ndarray:
        x = np.abs(X[..., :bins, :])
        count = x.shape[-1]
        # In compat mode the last segment is filled up with silence.
        surplus = -count % (frames if settings.compat else multiple)
        found = network.run(np.pad(x, [(0, 0)] * 3 + [(0, surplus)]))[0][..., :count]
        if settings.mwf:
            return found
        return extend_upwards(ratio_masks(found, power=config["exponent"]), X.shape[2], high_band)

    reach = 0 if settings.compat else SPLEETER_REACH
    core = frames if settings.compat else _core(settings.segment_s, config["rate"], config["hop"], multiple)
    return Masking(
        tuple(config["stems"]),
        config["rate"],
        config["n_fft"],
        config["hop"],
        masks,
        core,
        before=reach,
        after=reach,
        complete=high_band != "zero" and not settings.mwf,
        wiener=settings.mwf,
    )
