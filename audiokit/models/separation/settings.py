"""What is asked of a separation, and the stems that will come of it; nothing is loaded for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from audiokit.errors import ModelError, ParameterError

DEFAULT = "splitter-2stems"
RESIDUAL = "residual"
#: Stems of the engines that need no model.
CLASSICAL = {
    "repet": ("vocals", "accompaniment"),
    "hpss": ("harmonic", "percussive"),
    "center": ("vocals", "accompaniment"),
}
DEMUCS = "htdemucs"
DEMUCS_STEMS = ("drums", "bass", "other", "vocals")
#: Spleeter's networks halve frames six times; frames that can influence one, before and after it, in such multiples.
SPLEETER_MULTIPLE, SPLEETER_REACH = 64, 256


@dataclass(frozen=True)
class Settings:
    """What makes a separation what it is.

    Attributes:
        engine: auto (what the model says), spleeter, repet, hpss, center or demucs.
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


def choose_stems(settings: Settings, several: Sequence[str] | None, single: str | None) -> tuple[Settings, list[str]]:
    """Put the stems that --stems or --stem ask for into settings, and name those that will come out.

    Args:
        settings: the rest.
        several: names of stems, None for all.
        single: one name.

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
        several = [single]
    names = None if several is None else tuple(several)
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
    """Check settings against each other and name the engine: a classical one, "demucs", or "model" for a network.

    Raises:
        ParameterError: settings that exclude each other.
        ModelError: Spleeter is wanted without its weights.
    """
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
