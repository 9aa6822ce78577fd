"""Separate audio into stems with any engine: a trained network, a classical method, or Demucs.

`split` does it for an array; `Separation` for a stream of any length, rate and number of channels. What the input has
beyond the engine (other rates, more channels) is taken care of here, once for all engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.separation.separate import Fifo, Masking, averaged, separate
from audiokit.errors import ModelError, ParameterError

if TYPE_CHECKING:
    import torch

DEFAULT = "splitter-2stems"
ENGINES = ("auto", "spleeter", "repet", "hpss", "center", "demucs")
HIGH_BANDS = ("average", "zero", "mix")
QUALITIES = ("best", "fast")
RESIDUAL = "residual"
#: Stems of the engines that need no model.
CLASSICAL = {
    "repet": ("vocals", "accompaniment"),
    "hpss": ("harmonic", "percussive"),
    "center": ("vocals", "accompaniment"),
}
DEMUCS = "htdemucs"
DEMUCS_STEMS = ("drums", "bass", "other", "vocals")


@dataclass(frozen=True)
class Settings:
    """What makes a separation what it is.

    Attributes:
        engine: one of ENGINES; "auto" is what the model says.
        model: name or folder of a model; None for the built-in one.
        stems: stems wanted, None for all.
        high_band: above the bins a Spleeter network sees: average, zero or mix; None for its own rule (compat) or
            average.
        compat: cut, pad and extend exactly as Spleeter does.
        mwf: refine by a multichannel Wiener filter.
        residual: add one more stem, what the others leave of the mix.
        segment_s: seconds handed to the network at a time.
        device: auto, cpu, cuda or mps.
        quality: "best" averages a small network with REPET where its model card says so, "fast" leaves REPET out.
    """

    engine: str = "auto"
    model: str | None = None
    stems: tuple[str, ...] | None = None
    high_band: str | None = None
    compat: bool = False
    mwf: bool = False
    residual: bool = False
    segment_s: float = 30.0
    device: str = "auto"
    quality: str = "best"


@dataclass(frozen=True)
class Engine:
    """A way to separate pairs of channels at one rate.

    Attributes:
        stems: names.
        rate: Hz; 0 for any.
        run: (blocks (2 * B, n), stems wanted) -> stems (S, 2 * B, n), no delay, same length.
        complete: all stems together are the mix.
        pairs_only: works on one pair of channels and returns both, as Spleeter does.
    """

    stems: tuple[str, ...]
    rate: int
    run: Callable[[Iterable[np.ndarray], Sequence[str]], Iterator[np.ndarray]]
    complete: bool
    pairs_only: bool = False


def split(
    y: np.ndarray,
    rate: int,
    *,
    stems: Sequence[str] | None = None,
    engine: str = "auto",
    model: str | None = None,
    high_band: str | None = None,
    compat: bool = False,
    mwf: bool = False,
    residual: bool = False,
    segment_s: float = 30.0,
    device: str = "auto",
    quality: str = "best",
) -> dict[str, np.ndarray]:
    """Separate a mix into stems.

    Args:
        y: audio (C, T), float32.
        rate: its sample rate in Hz.
        stems: names of the stems wanted; all by default.
        engine: auto (the model decides), spleeter, repet, hpss, center or demucs.
        model: name or folder of a model; the built-in one by default.
        high_band: what happens above the bins a Spleeter network sees: average, zero or mix.
        compat: exactly what Spleeter computes, with its seams and its band.
        mwf: refine by a multichannel Wiener filter, as Spleeter's option of that name.
        residual: add the stem "residual", what the others leave of the mix.
        segment_s: seconds handed to the network at a time; changes memory, not the result.
        device: auto, cpu, cuda or mps.
        quality: best or fast; the built-in model is averaged with REPET for the first.

    Returns:
        Stem name -> audio (C, T), float32.

    Raises:
        ParameterError: an unknown engine, stem or option, or options that exclude each other.
        ModelError: the model is unknown or not for this.
        MissingExtraError: the engine needs an optional package.

    References:
        Hennequin et al. (2020), Spleeter; see the engines' own modules.

    >>> import numpy as np
    >>> found = split(np.zeros((1, 800), np.float32), 8000, engine="center")
    >>> sorted(found), found["vocals"].shape
    (['accompaniment', 'vocals'], (1, 800))
    """
    settings = Settings(
        engine,
        model,
        tuple(stems) if stems is not None else None,
        high_band,
        compat,
        mwf,
        residual,
        segment_s,
        device,
        quality,
    )
    y = np.atleast_2d(np.asarray(y, np.float32))
    separation = Separation(settings, rate, y.shape[0])
    parts = list(separation.run(iter([y]) if y.shape[1] else iter([])))
    empty = np.zeros((separation.channels, 0), np.float32)
    return {
        name: np.concatenate([part[name] for part in parts], axis=1) if parts else empty for name in separation.stems
    }


class Separation:
    """Separate a stream: any rate and number of channels in, the same out.

    Args:
        settings: engine, model, stems and the rest.
        rate, channels: of the stream.

    Attributes:
        stems: names of the stems that come out.
        channels: of each stem; the input's, or 2 in compat mode.
        grid: rounds audio to what the format it will be written in can hold, so that what is left for the last stem is
            left by what is really written; nothing is rounded by default.

    Raises:
        ParameterError, ModelError, MissingExtraError: as for `split`.
    """

    def __init__(self, settings: Settings, rate: int, channels: int) -> None:
        self.engine = load_engine(settings)
        self.rate, self.inputs = rate, channels
        self._inner_rate = self.engine.rate or rate
        self.stems = wanted_stems(self.engine.stems, settings)
        self.grid: Callable[[np.ndarray], np.ndarray] = lambda y: y
        own = [stem for stem in self.stems if stem != RESIDUAL]
        last = self.engine.stems[-1]
        # The last stem is what the others leave, where they were separated anyway: exact at any rate.
        self._rest = last if self.engine.complete and set(own) == set(self.engine.stems) and len(own) > 1 else None
        self._separated = [stem for stem in own if stem != self._rest]
        self.channels = 2 if self.engine.pairs_only else channels

    def run(self, blocks: Iterable[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        """Separate blocks (C, n): dicts of stem -> (C, m), all of equal m; together as long as the input."""
        mix = Fifo(self.inputs)
        try:
            for found in self._resampled(self._separate(self._kept(blocks, mix))):
                yield self._finish(dict(zip(self._separated, found, strict=True)), mix)
        finally:
            mix.close()

    def _kept(self, blocks: Iterable[np.ndarray], mix: Fifo) -> Iterator[np.ndarray]:
        """Remember the mix, make pairs of channels, and resample to the engine's rate."""
        import soxr

        self._length = 0
        stream = None
        for block in blocks:
            if not block.shape[1]:
                continue
            self._length += block.shape[1]
            mix.push(block)
            paired = self._paired(block)
            if self.rate == self._inner_rate:
                yield paired
                continue
            stream = stream or soxr.ResampleStream(self.rate, self._inner_rate, len(paired), dtype="float32")
            out = stream.resample_chunk(np.ascontiguousarray(paired.T)).reshape(-1, len(paired))
            if len(out):
                yield np.ascontiguousarray(out.T)
        if stream is not None:
            count = self._paired(np.zeros((self.inputs, 0), np.float32)).shape[0]
            out = stream.resample_chunk(np.zeros((0, count), np.float32), last=True).reshape(-1, count)
            if len(out):
                yield np.ascontiguousarray(out.T)

    def _paired(self, block: np.ndarray) -> np.ndarray:
        """Make pairs of channels: the last of an odd number goes to both sides, Spleeter takes the first two."""
        if self.engine.pairs_only:
            return block[:2] if len(block) > 1 else np.repeat(block, 2, axis=0)
        return np.concatenate([block, block[-1:]]) if len(block) % 2 else block

    def _separate(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Separate, and make the input's channels out of the pairs again."""
        for y in self.engine.run(blocks, self._separated):
            if self.inputs % 2 and not self.engine.pairs_only:
                last = 0.5 * (y[:, -2:-1] + y[:, -1:])
                y = np.concatenate([y[:, :-2], last], axis=1)
            yield y

    def _resampled(self, found: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Bring stems (S, C, n) back to the stream's rate, and to its length."""
        import soxr

        if self.rate == self._inner_rate:
            yield from found
            return
        stream, done, shape = None, 0, (len(self._separated), self.channels)
        for y in found:
            flat = y.reshape(-1, y.shape[2])
            stream = stream or soxr.ResampleStream(self._inner_rate, self.rate, len(flat), dtype="float32")
            out = stream.resample_chunk(np.ascontiguousarray(flat.T)).reshape(-1, len(flat))
            # What was resampled twice may end a little later than the input, which is not known before its end.
            out = out[: max(0, self._length - done)]
            done += len(out)
            if len(out):
                yield np.ascontiguousarray(out.T).reshape(*shape, -1)
        if self._length:
            rest = np.zeros((0, shape[0] * shape[1]), np.float32)
            if stream is not None:
                rest = stream.resample_chunk(rest, last=True).reshape(-1, rest.shape[1])[: self._length - done]
            short = self._length - done - len(rest)
            yield np.ascontiguousarray(np.pad(rest, ((0, short), (0, 0))).T).reshape(*shape, -1)

    def _finish(self, found: dict[str, np.ndarray], mix: Fifo) -> dict[str, np.ndarray]:
        """Add the stems that are what others leave of the mix."""
        count = next(iter(found.values())).shape[1] if found else 0
        whole = mix.pull(count)
        if self._rest is None and RESIDUAL not in self.stems:
            return found
        whole = self._paired(whole) if self.engine.pairs_only else whole
        left = whole - sum(self.grid(y) for y in found.values())
        if self._rest is not None:
            found[self._rest] = left
            left = left - self.grid(left)
        if RESIDUAL in self.stems:
            found[RESIDUAL] = left
        return {stem: found[stem] for stem in self.stems}


def wanted_stems(known: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """Name the stems that will come out (ParameterError for one the engine does not know)."""
    wanted = settings.stems if settings.stems is not None else tuple(known)
    for stem in wanted:
        if stem not in known and not (stem == RESIDUAL and settings.residual):
            raise ParameterError(f"--stems {stem}: there are {', '.join(known)}")
    if not wanted:
        raise ParameterError("no stem asked for", hint=f"there are {', '.join(known)}")
    wanted = tuple(dict.fromkeys(wanted))
    return (*wanted, RESIDUAL) if settings.residual and RESIDUAL not in wanted else wanted


def choose_stems(settings: Settings, several: str | None, single: str | None) -> tuple[Settings, list[str]]:
    """Put the stems that --stems or --stem ask for into settings, and name those that will come out.

    Raises:
        ParameterError: one is unknown, or both options are given.
        ModelError: the model is unknown.
    """
    if several is not None and single is not None:
        raise ParameterError("--stems and --stem exclude each other", hint="use --stems for several")
    known = known_stems(settings)
    if single is not None:
        if settings.residual and single != RESIDUAL:
            raise ParameterError("--stem is one stem, --residual adds another", hint="use --stems")
        several = single
    names = None if several is None else tuple(name.strip() for name in several.split(",") if name.strip())
    settings = replace(settings, stems=names, residual=settings.residual or RESIDUAL in (names or ()))
    return settings, list(wanted_stems(known, settings))


def known_stems(settings: Settings) -> tuple[str, ...]:
    """Name all stems of the engine or model, without loading it."""
    engine = resolve_engine(settings)
    if engine in CLASSICAL:
        return CLASSICAL[engine]
    if engine == "demucs":
        return DEMUCS_STEMS
    from audiokit.models.folder.checkpoint import find, read_card

    card = read_card(find(settings.model or DEFAULT))
    return tuple(card.get("labels") or card["settings"].get("stems", ()))


def resolve_engine(settings: Settings) -> str:
    """Check the settings against each other and name the engine: one of ENGINES, "model" for a trained network."""
    if settings.engine not in ENGINES:
        raise ParameterError(f"--engine {settings.engine}: must be one of {', '.join(ENGINES)}")
    if settings.high_band is not None and settings.high_band not in HIGH_BANDS:
        raise ParameterError(f"--high-band {settings.high_band}: must be one of {', '.join(HIGH_BANDS)}")
    if settings.quality not in QUALITIES:
        raise ParameterError(f"--quality {settings.quality}: must be one of {', '.join(QUALITIES)}")
    if not 1 <= settings.segment_s <= 600:
        raise ParameterError(f"--segment {settings.segment_s:g}: must lie between 1 and 600 s")
    if settings.engine in (*CLASSICAL, "demucs"):
        if settings.model and settings.engine != "demucs":
            raise ParameterError(f"--model is not used by --engine {settings.engine}", hint="leave one of them away")
        if settings.compat or settings.mwf:
            raise ParameterError(f"--compat and --mwf are for trained models, not --engine {settings.engine}")
        return settings.engine
    if settings.engine == "spleeter" and settings.model is None:
        raise ModelError(
            "--engine spleeter needs Spleeter's weights",
            hint="audiokit models pull spleeter-2stems, then: audiokit split ... --model spleeter-2stems",
        )
    return "model"


def load_engine(settings: Settings) -> Engine:
    """Make the engine that settings ask for; networks stay loaded in this process.

    Raises:
        ParameterError, ModelError, MissingExtraError: as for `split`.
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
    from audiokit.models.folder.checkpoint import load, pick_device

    device = pick_device(settings.device)
    net, card = load(settings.model or DEFAULT, kind="split", device=device)
    if card["architecture"] == "spleeter-unet":
        return _spleeter(net, settings, device), 0.0
    if settings.engine == "spleeter" or settings.compat or settings.mwf:
        name = settings.model or "the built-in model"
        raise ParameterError(f"{name} is not one of Spleeter's: --engine spleeter, --compat and --mwf do not fit it")
    share = float(card.get("repet_share", 0.0)) if settings.quality == "best" else 0.0
    return _banded(net, settings, device), share


def _core(seconds: float, rate: int, hop: int, multiple: int) -> int:
    return max(1, round(seconds * rate / hop / multiple)) * multiple


def _banded(net: Any, settings: Settings, device: str) -> Masking:
    import torch

    config = net.config

    def masks(X: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return net(torch.from_numpy(np.abs(X)).to(device)).cpu().numpy()

    return Masking(
        tuple(config.stems),
        config.rate,
        config.n_fft,
        config.hop,
        masks,
        _core(settings.segment_s, config.rate, config.hop, net.multiple),
        before=net.reach,
        after=net.reach,
        mid_side=True,
    )


def _spleeter(net: Any, settings: Settings, device: str) -> Masking:
    import torch

    from audiokit.dsp.separation.masks import extend_upwards

    config = net.config
    own_rule = {"zeros": "zero", "average": "average"}[config.extension]
    high_band = settings.high_band or (own_rule if settings.compat else "average")

    def magnitudes(X: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(np.abs(X[..., : config.bins, :])).to(device)
        frames = x.shape[-1]
        if settings.compat:  # the last segment is filled up with silence
            x = torch.nn.functional.pad(x, (0, -frames % config.frames))
        return net.spectrograms(x)[..., :frames]

    def masks(X: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found = magnitudes(X)
            if settings.mwf:
                return found.cpu().numpy()
            return extend_upwards(net.masks(found).cpu().numpy(), X.shape[2], high_band)

    reach = 0 if settings.compat else net.reach
    core = config.frames if settings.compat else _core(settings.segment_s, config.rate, config.hop, net.multiple)
    return Masking(
        tuple(config.stems),
        config.rate,
        config.n_fft,
        config.hop,
        masks,
        core,
        before=reach,
        after=reach,
        complete=high_band != "zero" and not settings.mwf,
        wiener=settings.mwf,
    )
