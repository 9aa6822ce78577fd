"""Score sounds against references, or by themselves, for people and for machines."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.batch import Job, expand, survey
from audiokit.errors import BatchError, InputError, MissingExtraError, ParameterError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from audiokit.options import BatchOptions

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
#: Without --metrics: what means something for every kind of sound.
DEFAULT = ("si_sdr", "lsd", "mrstft", "mcd", "loudness", "lag", "checks")


@dataclass(frozen=True)
class Pair:
    """Two sounds of one rate, as long as the shorter one."""

    reference: np.ndarray
    estimate: np.ndarray
    rate: int


def score(
    estimate: np.ndarray, rate: int, *, reference: np.ndarray | None = None, metrics: Sequence[str] | None = None
) -> dict[str, float | None]:
    """Score a sound against a reference, or by itself.

    Args:
        estimate: audio (C, T), float32.
        rate: Hz, of both.
        reference: audio (C, T2); both are cut to the shorter length, and averaged to mono if their channels differ.
        metrics: names from `METRICS`; what suits every sound by default.

    Returns:
        Values by name; None where a measure is undefined (of silence, say) or infinite.

    Raises:
        ParameterError: an unknown metric.
        MissingExtraError: a metric needs the extra `score`.

    >>> import numpy as np
    >>> x = np.sin(np.arange(44_100) * 0.05, dtype=np.float32)[None]
    >>> score(0.5 * x, 44_100, reference=x, metrics=["loudness"])
    {'loudness_lu': -6.02...}
    """
    import numpy as np

    names = check_metrics(metrics, reference is not None)
    if reference is None:
        return _finite({k: v for name in names for k, v in _CHECKS[name](estimate, rate).items()})
    if reference.shape[0] != estimate.shape[0]:
        reference, estimate = (y.mean(axis=0, keepdims=True, dtype=np.float32) for y in (reference, estimate))
    length = min(reference.shape[1], estimate.shape[1])
    if not length:
        raise InputError("there is no audio to compare")
    pair = Pair(reference[:, :length], estimate[:, :length], rate)
    found: dict[str, float] = {}
    for name in names:
        found |= _CHECKS[name](estimate, rate) if name in _CHECKS else _PAIRED[name](pair)
    return _finite(found)


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
    for name in names:
        if name not in METRICS:
            raise ParameterError(f"unknown metric {name!r}", hint=f"choose among {', '.join(METRICS)}, all")
    if not paired:
        names = [name for name in names if name in _CHECKS]
        if not names:
            raise ParameterError("these metrics compare with a reference", hint="add --ref")
    return names


def _finite(found: dict[str, float]) -> dict[str, float | None]:
    return {key: float(value) if math.isfinite(value) else None for key, value in found.items()}


def _si_sdr(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.metrics import si_sdr

    return {"si_sdr_db": si_sdr(pair.reference, pair.estimate)}


def _lsd(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.metrics import log_spectral_distance

    return {"lsd_db": log_spectral_distance(pair.reference, pair.estimate)}


def _mrstft(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.metrics import multi_resolution_distance

    return {"mrstft": multi_resolution_distance(pair.reference, pair.estimate)}


def _mcd(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.metrics import mel_cepstral_distortion

    return {"mcd_db": mel_cepstral_distortion(pair.reference, pair.estimate, pair.rate)}


def _loudness(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.loudness import measure

    levels = [measure(y, pair.rate).integrated_lufs for y in (pair.estimate, pair.reference)]
    return {"loudness_lu": levels[0] - levels[1] if all(map(math.isfinite, levels)) else math.nan}


def _lag(pair: Pair) -> dict[str, float]:
    from audiokit.dsp.metrics import find_lag

    lag_s, gain_db = find_lag(pair.reference, pair.estimate, pair.rate)
    return {"lag_ms": 1000 * lag_s, "gain_db": gain_db}


def _checks(y: np.ndarray, rate: int) -> dict[str, float]:
    from audiokit.dsp.metrics import self_checks

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
    return bss_eval([pair.reference], [pair.estimate], pair.rate)[0]


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

    from audiokit.dsp.beats import track_beats

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

    from audiokit.dsp.world import HOP_S, analyse_voice

    library = _extra("mir_eval.melody", "comparing pitches")
    rate = pair.rate if 16_000 <= pair.rate <= 48_000 else 16_000
    tracks = []
    for y in (pair.reference, pair.estimate):
        voice = analyse_voice(_mono(y, pair.rate, rate), rate)
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


def _mono(y: np.ndarray, rate: int, target: int) -> np.ndarray:
    import numpy as np

    mono = y.mean(axis=0, dtype=np.float32)
    if rate == target:
        return mono
    import soxr

    return np.asarray(soxr.resample(mono, rate, target, quality="HQ"))


_CHECKS: dict[str, Callable[[Any, int], dict[str, float]]] = {"checks": _checks}
_PAIRED: dict[str, Callable[[Pair], dict[str, float]]] = {
    "si_sdr": _si_sdr, "bss": _bss, "pesq": _pesq, "stoi": _stoi, "lsd": _lsd, "mrstft": _mrstft, "mcd": _mcd,
    "loudness": _loudness, "lag": _lag, "beats": _beats, "pitch": _pitch,
}  # fmt: skip


def score_file(
    job: Job, *, references: dict[str, str], metrics: Sequence[str] | None, rate: int | None
) -> dict[str, Any]:
    """Score one file; the task behind `audiokit score`.

    Args:
        job: its source is the estimate.
        references: estimate -> reference; without an entry it is scored by itself.
        metrics: as for `score`.
        rate: compare at this rate instead of the reference's.

    Returns:
        The report, with "warnings" on what had to be fitted.
    """
    from audiokit.io.audio import info, read

    path = references.get(job.source)
    target = rate or (info(path).rate if path and path != "-" else None)
    estimate, about = read(job.source, rate=target)
    target = target or about.rate
    reference, warnings = None, []
    if path:
        reference, _ = read(path, rate=target)
        difference = estimate.shape[1] - reference.shape[1]
        if difference:
            warnings.append(f"{abs(difference)} samples {'longer' if difference > 0 else 'shorter'} than the reference")
        if about.rate != target:
            warnings.append(f"resampled from {about.rate} to {target} Hz")
    values = score(estimate, target, reference=reference, metrics=metrics)
    return {**({"reference": path} if path else {}), "rate": target, "scores": values, "warnings": warnings}


def score_files(
    inputs: Sequence[str],
    *,
    batch: BatchOptions,
    reference: str | None,
    metrics: Sequence[str] | None,
    rate: int | None,
    stems: bool,
    under: dict[str, float],
    over: dict[str, float],
) -> None:
    """Do what `audiokit score` was asked to do: print, and fail where a limit is missed.

    Raises:
        UsageError, InputError: references cannot be found.
        BatchError: a score misses a limit.
    """
    check_metrics(metrics, reference is not None)
    estimates = [source for source, _ in expand(inputs)]
    references = pair_up(inputs, reference) if reference else {}
    reports: list[dict[str, Any]] = []

    def show(report: dict[str, Any]) -> None:
        if batch.json:
            print(json.dumps(report), flush=True)

    if stems:
        reports = _score_stems(estimates, references, show)
    else:
        task = partial(score_file, references=references, metrics=metrics, rate=rate)
        reports = survey(task, inputs, show, batch=batch)
    folders = _between_folders(inputs, reference, rate) if reference and not stems else {}
    if batch.json and folders:
        print(json.dumps({"folders": [inputs[0], reference], **folders}))
    if not batch.json:
        _print_table(reports, folders)
    _enforce(reports, under, over)


def pair_up(inputs: Sequence[str], reference: str) -> dict[str, str]:
    """Find every estimate's reference: the file given, or the file of the same relative name (any suffix).

    Raises:
        InputError: a reference is missing.
    """
    if not os.path.isdir(reference):
        if not os.path.lexists(reference):
            raise InputError(f"{reference}: no such file or folder")
        return {source: reference for source, _ in expand(inputs)}
    known = {str(Path(name).with_suffix("")): path for path, name in expand([reference])}
    found = {}
    for source, name in expand(inputs):
        key = str(Path(name).with_suffix(""))
        if key not in known:
            raise InputError(f"{source}: {reference} holds no {key}.*", hint="name references like the estimates")
        found[source] = known[key]
    return found


def _score_stems(
    estimates: Sequence[str], references: dict[str, str], show: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """Evaluate the files of each folder together, as the sources of one mix."""
    import numpy as np

    from audiokit.io.audio import info, read

    if not references:
        raise UsageError("--stems compares with references", hint="add --ref FOLDER")
    groups: dict[str, list[str]] = {}
    for source in estimates:
        groups.setdefault(str(Path(source).parent), []).append(source)
    reports = []
    for sources in groups.values():
        rate = info(references[sources[0]]).rate
        pairs = [(read(references[source], rate=rate)[0], read(source, rate=rate)[0]) for source in sources]
        length = min(y.shape[1] for pair in pairs for y in pair)
        width = min(y.shape[0] for pair in pairs for y in pair)
        cut = [
            [y[:, :length] if y.shape[0] == width else y[:, :length].mean(0, keepdims=True) for y in p] for p in pairs
        ]
        if len({y.shape for pair in cut for y in pair}) > 1:
            raise InputError(f"{sources[0]}: the stems differ in their channels")
        values = bss_eval([np.asarray(p[0]) for p in cut], [np.asarray(p[1]) for p in cut], rate)
        for source, found in zip(sources, values, strict=True):
            report = {"input": source, "reference": references[source], "rate": rate, "scores": _finite(found)}
            reports.append(report)
            show(report)
    return reports


def _between_folders(inputs: Sequence[str], reference: str, rate: int | None) -> dict[str, Any]:
    """Compare two folders as wholes by the Frechet distance of what they sound like."""
    import numpy as np

    from audiokit.dsp.metrics import EMBEDDING, embed, frechet_distance
    from audiokit.io.audio import read

    if len(inputs) != 1 or not os.path.isdir(inputs[0]) or not os.path.isdir(reference):
        return {}
    target = rate or 22_050
    sets = [
        np.concatenate([embed(read(p, rate=target)[0], target) for p, _ in expand([f])]) for f in (inputs[0], reference)
    ]
    if min(map(len, sets)) < 2:
        return {}
    return {"frechet": round(frechet_distance(*sets), 4), "embedding": f"{EMBEDDING}, {target} Hz"}


def _print_table(reports: Sequence[dict[str, Any]], folders: dict[str, Any]) -> None:
    from audiokit.dsp.metrics import mean_of

    if not reports:
        return
    names = list(dict.fromkeys(name for report in reports for name in report["scores"]))
    rows = [(report["input"], [report["scores"].get(name) for name in names]) for report in reports]
    if len(rows) > 1:
        rows.append(("mean", [mean_of(row[k] for _, row in rows) for k in range(len(names))]))
    if len(rows) == 1:
        width = max(map(len, names))
        for name, value in zip(names, rows[0][1], strict=True):
            print(f"{name:<{width}}  {_text(value)}")
    else:
        first = max(len(label) for label, _ in rows)
        widths = [max(len(name), 8) for name in names]
        print(" " * first, *(f"{name:>{w}}" for name, w in zip(names, widths, strict=True)))
        for label, values in rows:
            print(f"{label:<{first}}", *(f"{_text(v):>{w}}" for v, w in zip(values, widths, strict=True)))
    if folders:
        print(f"frechet  {folders['frechet']}  ({folders['embedding']})")
    for report in reports:
        for warning in report.get("warnings", ()):
            import sys

            print(f"audiokit: {report['input']}: {warning}", file=sys.stderr)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def limits(pairs: Sequence[str] | None, option: str) -> dict[str, float]:
    """Read NAME=NUMBER pairs.

    Raises:
        ParameterError: one is something else.

    >>> limits(["si_sdr_db=10"], "--fail-under")
    {'si_sdr_db': 10.0}
    """
    found = {}
    for text in pairs or ():
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            raise ParameterError(
                f"{option} {text!r}: not NAME=NUMBER", hint=f"for example {option} si_sdr_db=10"
            ) from None
    return found


def _enforce(reports: Sequence[dict[str, Any]], under: dict[str, float], over: dict[str, float]) -> None:
    """Fail where a score is missing or on the wrong side of its limit."""
    missed = []
    for report in reports:
        for bounds, sign, word in ((under, -1, "under"), (over, 1, "over")):
            for name, bound in bounds.items():
                if name not in report["scores"]:
                    known = ", ".join(report["scores"])
                    raise ParameterError(f"--fail-{word} {name}: not among the scores", hint=f"there are {known}")
                value = report["scores"][name]
                if value is None or (value - bound) * sign > 0:
                    missed.append(f"{report['input']}: {name} is {_text(value)}, {word} {bound:g}")
    if missed:
        raise BatchError("scores miss their limits:" + "".join(f"\n  {line}" for line in missed))
