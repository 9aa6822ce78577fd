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

from audiokit.dsp.separation.separate import Masking, Way, blended, separate
from audiokit.errors import ParameterError
from audiokit.models.separation.choice import DEFAULT, DEMUCS
from audiokit.models.separation.engine import Engine
from audiokit.models.separation.settings import (
    CLASSICAL,
    PACKAGE,
    SPLEETER_MULTIPLE,
    SPLEETER_REACH,
    Settings,
    is_demucs,
    known_stems,
    resolve_engine,
)
from audiokit.models.separation.wave_engines import WAVES

if TYPE_CHECKING:
    from audiokit.models.folder.runtime import Network


def load_engine(settings: Settings) -> Engine:
    """Make the engine that settings ask for; networks stay loaded in this process.

    Raises:
        ParameterError: settings that exclude each other, or that do not fit the model.
        ModelError: the model is unknown or not for this.
        MissingExtraError: the engine needs an optional package or program.
    """
    kind = resolve_engine(settings)
    if kind == "center":
        return Engine(CLASSICAL["center"], 0, _center, complete=True)
    if kind in CLASSICAL:
        return _masking_engine(_classical(kind))
    if kind == PACKAGE:
        from audiokit.models.separation.spleeter_package import package_engine

        return package_engine(settings)
    if len(settings.models) > 1:
        return _average(
            [load_engine(replace(settings, model=model, stems=None)) for model in settings.models], settings
        )
    model = settings.models[0] if settings.models else None
    if kind == "demucs" or (model is not None and is_demucs(model)):
        from audiokit.models.separation.demucs import demucs_engine

        if settings.spleeters:
            raise _not_spleeter(model or DEMUCS)
        return demucs_engine(model or DEMUCS, settings.device)
    return _network_engine(replace(settings, model=model or DEFAULT, stems=None, residual=False, chosen=False))


def _average(engines: Sequence[Engine], settings: Settings) -> Engine:
    """Make an engine that averages what several find, for the stems that all of them know."""
    first, names = engines[0], ", ".join(settings.models)
    if len({engine.rate for engine in engines}) > 1 or any(engine.pairs_only for engine in engines):
        raise ParameterError(f"{names}: models of different rates, or with --compat, are not averaged")
    stems = known_stems(settings)
    alike = all(set(engine.stems) == set(first.stems) for engine in engines)

    def run(blocks: Iterable[np.ndarray], wanted: Sequence[str]) -> Iterator[np.ndarray]:
        def way(engine: Engine) -> Way:
            return lambda stream: engine.run(stream, wanted)

        return blended(blocks, [(1 / len(engines), way(engine)) for engine in engines])

    return Engine(stems, first.rate, run, alike and all(engine.complete for engine in engines))


def _masking_engine(masking: Masking, *, compat: bool = False) -> Engine:
    """Make an engine of masks."""

    def run(blocks: Iterable[np.ndarray], stems: Sequence[str]) -> Iterator[np.ndarray]:
        return separate(blocks, masking, stems=stems)

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
def _network_engine(settings: Settings) -> Engine:
    """Load one network."""
    from audiokit.models.folder.checkpoint import find, load, pick_device, read_card
    from audiokit.models.folder.runtime import open_network

    model = settings.models[0]
    kind = read_card(find(model))["architecture"]
    if kind != "spleeter-unet" and settings.spleeters:
        raise _not_spleeter(model)
    if kind in WAVES:  # straight from audio to audio, in PyTorch
        device = pick_device(settings.device)
        return WAVES[kind](load(model, kind="split", device=device)[0], settings, device)
    network = open_network(model, kind="split", device=settings.device)
    if kind == "spleeter-unet":
        return _masking_engine(_spleeter(network, settings), compat=settings.compat)
    weights = network.card.get("combination") if settings.quality == "best" else None
    return _heard_twice(network, settings, weights) if weights else _masking_engine(_banded(network, settings))


def _not_spleeter(model: str) -> ParameterError:
    return ParameterError(
        f"{model} is not one of Spleeter's: --engine spleeter, --compat, --mwf and --high-band do not fit it"
    )


def _core(seconds: float, rate: int, hop: int, multiple: int) -> int:
    return max(1, round(seconds * rate / hop / multiple)) * multiple


def _banded(network: Network, settings: Settings) -> Masking:
    """Masks of a band U-Net alone."""
    from audiokit.models.separation.band_masks import BandMasks, whole_frames

    masks = BandMasks(network)
    config = masks.config
    return Masking(
        tuple(config.stems),
        config.rate,
        config.n_fft,
        config.hop,
        masks.of_powers,
        whole_frames(round(settings.segment_s * config.rate / config.hop), config),
        before=config.reach,
        after=config.reach,
        mid_side=True,
        seen=masks.powers,
    )


def _heard_twice(network: Network, settings: Settings, weights: Sequence[Sequence[Sequence[float]]]) -> Engine:
    """An engine of a band U-Net that is weighed against what repeats, at two speeds."""
    from audiokit.models.separation.combination import CombinedMasks
    from audiokit.models.separation.hearings import TwoHearings

    masks = CombinedMasks(network, weights)
    config = masks.config
    core = max(1, round(settings.segment_s * config.rate / config.hop))
    return Engine(tuple(config.stems), config.rate, TwoHearings(masks, core), complete=True)


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
