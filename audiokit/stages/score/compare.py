"""How good a sound is beside a reference, or by itself: the function behind `audiokit.score`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from audiokit.engine.arrays import checked
from audiokit.errors import InputError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from audiokit.dsp.spectrum.samples import Samples

#: Name -> what it says. Those in EXTRA need the optional extra `score`.
METRICS: dict[str, str] = {
    "si_sdr": "scale-invariant signal-to-distortion ratio, dB",
    "bss": "SDR, ISR, SAR and, with several sources, SIR (museval, BSS Eval v4, median over seconds), dB",
    "pesq": "perceived speech quality, wide band at 16 kHz, 1 to 4.6",
    "stoi": "speech intelligibility, 0 to 1",
    "lsd": "log-spectral distance, dB",
    "mrstft": "multi-resolution spectral distance",
    "mcd": "mel-cepstral distortion, dB",
    "loudness": "loudness of the estimate minus the reference's, LU",
    "lag": "how late the estimate is, ms, and its gain, dB",
    "beats": "beats of the estimate against the reference's: F, CMLt, AMLt (mir_eval)",
    "pitch": "pitch of the estimate against the reference's: raw accuracy within 50 cents, voicing (mir_eval)",
    "checks": "faults of the estimate by itself: clipping, DC, silence, clicks, bandwidth",
}
EXTRA = ("bss", "pesq", "stoi", "beats", "pitch")
#: Those that need no reference.
ALONE = ("checks",)
#: Without --metrics: what means something for every kind of sound.
DEFAULT = ("si_sdr", "lsd", "mrstft", "mcd", "loudness", "lag", "checks")


def score(
    estimate: np.ndarray,
    rate: int,
    *,
    reference: np.ndarray | None = None,
    metrics: Sequence[str] | None = None,
    pitch_tracker: str = "world",
) -> dict[str, float | None]:
    """Score a sound against a reference, or by itself.

    Args:
        estimate: audio (C, T), float32.
        rate: Hz, of both.
        reference: audio (C, T2); both are cut to the shorter length, and averaged to mono if their channels differ.
        metrics: names from `METRICS`; what suits every sound by default.
        pitch_tracker: who measures the pitch of both, see `audiokit.dsp.voice.pitch`.

    Returns:
        Values by name; None where a measure is undefined (of silence, say) or infinite.

    Raises:
        ParameterError: an unknown metric.
        MissingExtraError: a metric needs the extra `score`, or the tracker `pitch`.

    >>> import numpy as np
    >>> x = np.sin(np.arange(44_100) * 0.05, dtype=np.float32)[None]
    >>> score(0.5 * x, 44_100, reference=x, metrics=["loudness"])
    {'loudness_lu': -6.02...}
    """
    names = check_metrics(metrics, reference is not None)
    estimate = checked(estimate, rate)
    reference = None if reference is None else checked(reference, rate)
    return scores_of(estimate, rate, reference=reference, names=names, pitch_tracker=pitch_tracker)


def scores_of(
    estimate: Samples, rate: int, *, reference: Samples | None, names: Sequence[str], pitch_tracker: str
) -> dict[str, float | None]:
    """Score a sound that is good to read, wherever it lies, by measures whose names are good: see `score`.

    Raises:
        InputError: there is nothing to compare.
        MissingExtraError: see `score`.
    """
    from audiokit.dsp.spectrum.samples import Beginning
    from audiokit.stages.score.measures import CHECKS, PAIRED, Pair

    if reference is None:
        return finite({k: v for name in names for k, v in CHECKS[name](estimate, rate).items()})
    if reference.shape[0] != estimate.shape[0]:
        reference, estimate = _averaged(reference), _averaged(estimate)
    length = min(reference.shape[1], estimate.shape[1])
    if not length:
        raise InputError("there is no audio to compare")
    pair = Pair(Beginning(reference, length), Beginning(estimate, length), rate, pitch_tracker)
    found: dict[str, float] = {}
    for name in names:
        found |= CHECKS[name](estimate, rate) if name in CHECKS else PAIRED[name](pair)
    return finite(found)


def _averaged(y: Samples) -> Samples:
    """The mean of all channels (1, T)."""
    from audiokit.dsp.spectrum.samples import blocks_of
    from audiokit.engine.spool import at_hand
    from audiokit.io.means import averaged

    return at_hand((averaged(block) for block in blocks_of(y)), channels=1)


def check_metrics(metrics: Sequence[str] | None, paired: bool) -> list[str]:
    """Turn a choice of metrics into a list that can be worked off.

    Raises:
        ParameterError: a metric is unknown, or needs a reference.

    >>> check_metrics(None, False)
    ['checks']
    """
    if metrics is None:
        return list(DEFAULT) if paired else ["checks"]
    names = list(METRICS) if "all" in metrics else list(metrics)
    if not names:
        raise ParameterError("no metric is named", hint=f"choose among {', '.join([*METRICS, 'all'])}")
    for name in names:
        if name not in METRICS:
            raise ParameterError(f"unknown metric {name!r}", hint=f"choose among {', '.join(METRICS)}, all")
    if not paired:
        names = [name for name in names if name in ALONE]
        if not names:
            raise ParameterError("these metrics compare with a reference", hint="add --ref")
    return names


def finite(found: dict[str, float]) -> dict[str, float | None]:
    """Put None for what is undefined or infinite, which JSON cannot say."""
    return {key: float(value) if math.isfinite(value) else None for key, value in found.items()}
