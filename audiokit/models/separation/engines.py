"""The engines that can separate: networks, classical methods and Demucs, loaded as settings ask for them.

References:
    Hennequin et al. (2020), Spleeter; see also the modules of the networks and of the masks.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from audiokit.dsp.separation.separate import Masking, Way, beside, blended, separate
from audiokit.errors import ParameterError
from audiokit.io.reader import resampled
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

        if settings.compat or settings.mwf or settings.engine == "spleeter":
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


def _masking_engine(masking: Masking, *, shown: Sequence[Masking] = (), compat: bool = False) -> Engine:
    """Make an engine of masks, which are also shown the first stems of other ways."""
    masking = replace(masking, shown=len(shown))

    def run(blocks: Iterable[np.ndarray], stems: Sequence[str]) -> Iterator[np.ndarray]:
        return separate(beside(blocks, *shown), masking, stems=stems)

    return Engine(tuple(masking.stems), masking.rate, run, masking.complete and not compat, compat)


def _center(blocks: Iterable[np.ndarray], stems: Sequence[str]) -> Iterator[np.ndarray]:
    """Call what left and right have in common the voice, and what is left of the mix accompaniment."""
    for y in blocks:
        middle = np.repeat(0.5 * (y[0::2] + y[1::2]), 2, axis=0)
        parts = {"vocals": middle, "accompaniment": y - middle}
        yield np.stack([parts[stem] for stem in stems])


def _new_to_the_sample() -> Masking:
    from audiokit.dsp.separation.returns import new_masks

    masks = partial(new_masks, rate=44_100, hop=1024)
    stems = ("new", "returning")
    return Masking(stems, 44_100, 4096, 1024, masks, 1280, fade=43, after=43, mid_side=True)


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
    if kind != "spleeter-unet" and (settings.engine == "spleeter" or settings.compat or settings.mwf):
        raise _not_spleeter(model)
    if kind in WAVES:  # straight from audio to audio, in PyTorch
        device = pick_device(settings.device)
        return WAVES[kind](load(model, kind="split", device=device)[0], settings, device)
    network = open_network(model, kind="split", device=settings.device)
    if kind == "spleeter-unet":
        return _masking_engine(_spleeter(network, settings), compat=settings.compat)
    weights = network.card.get("combination") if settings.quality == "best" else None
    if not weights:
        return _masking_engine(_banded(network, settings, None))
    shown = (_classical("repet"), _new_to_the_sample())
    return _heard_twice(_masking_engine(_banded(network, settings, weights), shown=shown))


def _heard_twice(engine: Engine) -> Engine:
    """Make an engine that also hears the recording a fourth faster, and averages what it finds.

    A voice that is too low or too dull for the network is another one then, and what it takes for a voice by mistake
    seldom is the same sound both times.
    """
    slower = engine.rate * 4 // 5

    def run(blocks: Iterable[np.ndarray], stems: Sequence[str]) -> Iterator[np.ndarray]:
        def faster(stream: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
            heard = given = 0

            def counted() -> Iterator[np.ndarray]:
                nonlocal heard
                for block in stream:
                    heard += block.shape[1]
                    yield block

            found = engine.run(_at_rate(counted(), engine.rate, slower), stems)
            for flat in _at_rate((y.reshape(-1, y.shape[2]) for y in found), slower, engine.rate):
                given += flat.shape[1]
                yield (last := flat.reshape(len(stems), -1, flat.shape[1]))
            if 0 < given < heard:  # filters may keep a sample to themselves
                yield np.zeros((*last.shape[:2], heard - given), np.float32)

        return blended(blocks, [(0.5, lambda stream: engine.run(stream, stems)), (0.5, faster)])

    return replace(engine, run=run)


def _at_rate(blocks: Iterable[np.ndarray], source: int, rate: int) -> Iterator[np.ndarray]:
    """Resample a stream (C, n) of as many channels as it turns out to have."""
    stream = iter(blocks)
    for first in stream:
        yield from resampled(itertools.chain([first], stream), source, rate, len(first), name="the second hearing")


def _not_spleeter(model: str) -> ParameterError:
    return ParameterError(f"{model} is not one of Spleeter's: --engine spleeter, --compat and --mwf do not fit it")


def _core(seconds: float, rate: int, hop: int, multiple: int) -> int:
    return max(1, round(seconds * rate / hop / multiple)) * multiple


def _banded(network: Network, settings: Settings, weights: Sequence[Sequence[Sequence[float]]] | None) -> Masking:
    """Masks of a band U-Net, alone or weighed against REPET."""
    from audiokit.models.separation.band_masks import BandMasks
    from audiokit.models.separation.combination import MARGIN, CombinedMasks

    masks = CombinedMasks(network, weights) if weights else BandMasks(network)
    config = masks.config
    reach = config.reach + (MARGIN if weights else 0)
    return Masking(
        tuple(config.stems),
        config.rate,
        config.n_fft,
        config.hop,
        masks.of_powers,
        _core(settings.segment_s, config.rate, config.hop, config.multiple),
        before=reach,
        after=reach,
        mid_side=True,
        seen=masks.powers,
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
