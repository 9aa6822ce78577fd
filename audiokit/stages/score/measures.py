"""The measures by name: ours from `audiokit.dsp.spectrum.metrics`, others from their libraries.

Each takes a `Pair` and returns values by name, nan where the measure is undefined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audiokit.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.spectrum.samples import Samples


@dataclass(frozen=True)
class Pair:
    """Two sounds of one rate, as long as the shorter one."""

    reference: Samples
    estimate: Samples
    rate: int
    pitch_tracker: str = "world"


def _si_sdr(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.spectrum.metrics import si_sdr

    return {"si_sdr_db": si_sdr(pair.reference, pair.estimate)}


def _lsd(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.spectrum.metrics import log_spectral_distance

    return {"lsd_db": log_spectral_distance(pair.reference, pair.estimate)}


def _mrstft(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.spectrum.metrics import multi_resolution_distance

    return {"mrstft": multi_resolution_distance(pair.reference, pair.estimate)}


def _mcd(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.spectrum.metrics import mel_cepstral_distortion

    return {"mcd_db": mel_cepstral_distortion(pair.reference, pair.estimate, pair.rate)}


def _loudness(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.loudness.loudness import measure

    levels = [measure(y, pair.rate).integrated_lufs for y in (pair.estimate, pair.reference)]
    return {"loudness_lu": levels[0] - levels[1] if all(map(math.isfinite, levels)) else math.nan}


def _lag(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.spectrum.metrics import find_lag

    lag_s, gain_db = find_lag(pair.reference, pair.estimate, pair.rate)
    return {"lag_ms": 1000 * lag_s, "gain_db": gain_db}


def _checks(y: Samples, rate: int) -> dict[str, float]:
    from audiokit.dsp.spectrum.metrics import self_checks

    return self_checks(y, rate)


def _extra(module: str, purpose: str) -> Any:
    from importlib import import_module
    from warnings import catch_warnings, simplefilter

    try:
        with catch_warnings():
            simplefilter("ignore")  # their own notes on deprecations of others are nobody's business here
            return import_module(module)
    except ImportError:
        raise MissingExtraError.of("score", purpose) from None


def bss_eval(references: Sequence[np.ndarray], estimates: Sequence[np.ndarray], rate: int) -> list[dict[str, float]]:
    """Evaluate separated sources (C, T) by BSS Eval v4, one dictionary per source.

    Raises:
        MissingExtraError: museval is not installed.

    References:
        Stoter, Liutkus and Ito (2018), The 2018 signal separation evaluation campaign.
    """
    from warnings import catch_warnings, simplefilter

    import numpy as np

    museval = _extra("museval", "BSS Eval")
    names = ["sdr_db", "isr_db", "sir_db", "sar_db"]
    wanted = [name for name in names if len(references) > 1 or name != "sir_db"]  # alone, nothing interferes
    if not all(np.any(y) for y in (*references, *estimates)):  # undefined as soon as one source is silent
        return [dict.fromkeys(wanted, math.nan) for _ in references]
    with catch_warnings():
        simplefilter("ignore")
        values = museval.evaluate(
            np.stack([y.T for y in references]).astype(np.float64),
            np.stack([y.T for y in estimates]).astype(np.float64),
            win=rate,
            hop=rate,
            mode="v4",
            padding=True,
        )
    out = []
    for k in range(len(references)):
        frames = dict(zip(names, (part[k] for part in values), strict=True))
        known = {name: frames[name][np.isfinite(frames[name])] for name in wanted}
        out.append({key: float(np.median(part)) if len(part) else math.nan for key, part in known.items()})
    return out


def _bss(pair: Pair) -> dict[str, float]:
    return bss_eval([pair.reference[:, :]], [pair.estimate[:, :]], pair.rate)[0]


def _pesq(pair: Pair) -> dict[str, float]:
    import numpy as np

    library = _extra("pesq", "PESQ")
    rate = pair.rate if pair.rate in (8_000, 16_000) else 16_000
    reference, estimate = (_mono(y, pair.rate, rate) for y in (pair.reference, pair.estimate))
    if not np.any(reference) or not np.any(estimate):
        return {"pesq": math.nan}
    try:
        value = library.pesq(rate, reference, estimate, "wb" if rate == 16_000 else "nb")
    except (library.NoUtterancesError, library.BufferTooShortError):  # no speech, or less than a quarter of a second
        value = math.nan
    return {"pesq" if rate == 16_000 else "pesq_narrow": float(value)}


def _stoi(pair: Pair) -> dict[str, float]:
    from warnings import catch_warnings, simplefilter

    library = _extra("pystoi", "STOI")
    reference, estimate = (_mono(y, pair.rate, pair.rate) for y in (pair.reference, pair.estimate))
    with catch_warnings():
        simplefilter("error", RuntimeWarning)
        try:
            return {"stoi": float(library.stoi(reference, estimate, pair.rate))}
        except (RuntimeWarning, ValueError, IndexError):  # too little speech for one of its segments
            return {"stoi": math.nan}


def _beats(pair: Pair) -> dict[str, float]:
    from warnings import catch_warnings, simplefilter

    from audiokit.dsp.rhythm.beats import track_beats

    library = _extra("mir_eval.beat", "comparing beats")
    reference, estimate = (track_beats(y, pair.rate).times_s for y in (pair.reference, pair.estimate))
    if len(reference) < 2 or len(estimate) < 2:
        return {"beat_f": math.nan, "beat_cmlt": math.nan, "beat_amlt": math.nan}
    with catch_warnings():
        simplefilter("ignore")
        _, cmlt, _, amlt = library.continuity(reference, estimate)
        return {"beat_f": library.f_measure(reference, estimate), "beat_cmlt": cmlt, "beat_amlt": amlt}


def _pitch(pair: Pair) -> dict[str, float]:
    import numpy as np

    from audiokit.dsp.voice.world import HOP_S, analyse_voice

    library = _extra("mir_eval.melody", "comparing pitches")
    rate = pair.rate if 16_000 <= pair.rate <= 48_000 else 16_000
    tracks = []
    for y in (pair.reference, pair.estimate):
        voice = analyse_voice(_mono(y, pair.rate, rate), rate, tracker=pair.pitch_tracker)
        tracks.append(np.where(voice.voiced, voice.f0_hz, 0.0))
    times = np.arange(len(tracks[0])) * HOP_S
    if not all(map(np.any, tracks)):  # a side without pitch
        return dict.fromkeys(("pitch_accuracy", "chroma_accuracy", "voicing_recall", "voicing_false_alarm"), math.nan)
    values = library.evaluate(times, tracks[0], times, tracks[1])
    return {
        "pitch_accuracy": float(values["Raw Pitch Accuracy"]),
        "chroma_accuracy": float(values["Raw Chroma Accuracy"]),
        "voicing_recall": float(values["Voicing Recall"]),
        "voicing_false_alarm": float(values["Voicing False Alarm"]),
    }


def _mono(y: Samples, rate: int, target: int) -> np.ndarray:
    import numpy as np

    from audiokit.dsp.spectrum.samples import mono_of

    mono = mono_of(y)
    if rate == target:
        return mono
    import soxr

    return np.asarray(soxr.resample(mono, rate, target, quality="HQ"))


#: Measures of a sound by itself.
CHECKS: dict[str, Callable[[Any, int], dict[str, float]]] = {"checks": _checks}
#: Measures of a sound beside a reference.
PAIRED: dict[str, Callable[[Pair], dict[str, float]]] = {
    "si_sdr": _si_sdr, "bss": _bss, "pesq": _pesq, "stoi": _stoi, "lsd": _lsd, "mrstft": _mrstft, "mcd": _mcd,
    "loudness": _loudness, "lag": _lag, "beats": _beats, "pitch": _pitch,
}  # fmt: skip
