"""What is asked of a separation, and the stems that will come of it; nothing is loaded for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from audiokit.errors import DamagedError, ModelError, ParameterError
from audiokit.models.separation.choice import DEFAULT, DEMUCS, DEMUCS_STEMS, choose, suggest

__all__ = ["CLASSICAL", "DEFAULT", "DEMUCS", "RESIDUAL", "Settings", "choose_stems", "known_stems", "resolve_engine"]
RESIDUAL = "residual"
#: Stems of the engines that need no model.
CLASSICAL = {
    "repet": ("vocals", "accompaniment"),
    "hpss": ("harmonic", "percussive"),
    "center": ("vocals", "accompaniment"),
}
#: Spleeter's networks halve frames six times; frames that can influence one, before and after it, in such multiples.
SPLEETER_MULTIPLE, SPLEETER_REACH = 64, 256
PACKAGE = "spleeter-package"
_TWO = ("vocals", "accompaniment")
#: Configurations of the spleeter package.
_PACKAGE_STEMS = {
    "2stems": ("vocals", "accompaniment"),
    "4stems": ("vocals", "drums", "bass", "other"),
    "5stems": ("vocals", "piano", "drums", "bass", "other"),
}


@dataclass(frozen=True)
class Settings:
    """What makes a separation what it is.

    Attributes:
        engine: auto (what the model says), spleeter, repet, hpss, center, demucs or spleeter-package.
        model: name or folder of a model, or several to be averaged; None for the built-in one.
        stems: stems wanted, None for all.
        high_band: above the bins a Spleeter network sees: average, zero or mix; None for its own rule (compat) or
            average.
        compat: cut, pad and extend exactly as Spleeter does.
        mwf: refine by a multichannel Wiener filter.
        residual: add one more stem, what the others leave of the mix.
        segment_s: seconds handed to the network at a time.
        device: auto, cpu, cuda or mps.
        quality: "best" lets REPET have a say in a small network's voice where its model card says so, "fast" does not.
        chosen: the model was not named but chosen.
    """

    engine: str = "auto"
    model: str | tuple[str, ...] | None = None
    stems: tuple[str, ...] | None = None
    high_band: str | None = None
    compat: bool = False
    mwf: bool = False
    residual: bool = False
    segment_s: float = 30.0
    device: str = "auto"
    quality: str = "best"
    chosen: bool = False

    @property
    def spleeters(self) -> bool:
        """Whether something is asked for that only Spleeter's networks can do."""
        return self.engine == "spleeter" or self.compat or self.mwf or self.high_band is not None

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models; none where the engine needs no name."""
        return () if self.model is None else (self.model,) if isinstance(self.model, str) else self.model


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
    if single is not None:
        if settings.residual and single != RESIDUAL:
            raise ParameterError("--stem is one stem, --residual adds another", hint="use --stems")
        several = [single]
    names = None if several is None else tuple(several)
    settings = replace(settings, stems=names, residual=settings.residual or RESIDUAL in (names or ()))
    settings = with_model(settings)
    known = known_stems(settings)
    try:
        return settings, list(wanted_stems(known, settings))
    except ParameterError as error:
        better = suggest(asked_for(settings)) if settings.chosen and names else None
        if better is None:
            raise
        raise ParameterError(str(error), hint=f"audiokit models pull {better}") from None


def asked_for(settings: Settings) -> tuple[str, ...]:
    """The stems that a model must know: those that are named, or vocals and accompaniment."""
    return tuple(stem for stem in settings.stems or _TWO if stem != RESIDUAL) or _TWO


def with_model(settings: Settings) -> Settings:
    """Choose a model where the engine is one and none is named."""
    if settings.model is not None or settings.engine not in ("auto", "spleeter"):
        return settings
    fast = settings.quality == "fast" and not settings.spleeters
    name = choose(asked_for(settings), fast=fast, only="spleeter-" if settings.spleeters else "")
    if settings.engine == "spleeter" and name == DEFAULT:
        return settings
    return replace(settings, model=name, chosen=True)


def known_stems(settings: Settings) -> tuple[str, ...]:
    """Name all stems of the engine or model, without loading it; of several models, those that all know."""
    engine = resolve_engine(settings)
    if engine in CLASSICAL:
        return CLASSICAL[engine]
    if engine == PACKAGE:
        return configuration(settings)[1]
    if engine == "demucs":
        return DEMUCS_STEMS
    known = [_stems_of(name) for name in settings.models or (DEFAULT,)]
    common = tuple(stem for stem in known[0] if all(stem in others for others in known))
    if not common:
        told = "; ".join(f"{name}: {', '.join(stems)}" for name, stems in zip(settings.models, known, strict=True))
        raise ParameterError(f"the models have no stem in common ({told})")
    return common


def _stems_of(model: str) -> tuple[str, ...]:
    if is_demucs(model):
        return DEMUCS_STEMS
    from audiokit.models.folder.checkpoint import find_for, read_card

    card = read_card(find_for(model, "split"))
    stems = card.get("labels") or card["settings"].get("stems", ())
    if not isinstance(stems, list | tuple) or not all(isinstance(stem, str) for stem in stems):
        raise DamagedError(f"{model}: its labels are no list of names")
    return tuple(stems)


def is_demucs(model: str) -> bool:
    """Whether a model is one of Demucs', by its name.

    >>> is_demucs("htdemucs"), is_demucs("spleeter-2stems")
    (True, False)
    """
    return model in (DEMUCS, f"{DEMUCS}_ft")


def resolve_engine(settings: Settings) -> str:
    """Check settings against each other and name the engine: one without a model, or "model" for networks.

    Raises:
        ParameterError: settings that exclude each other.
        ModelError: Spleeter is wanted without its weights.
    """
    if not 1 <= settings.segment_s <= 600:
        raise ParameterError(f"--segment {settings.segment_s:g}: must lie between 1 and 600 s")
    if settings.engine in (*CLASSICAL, "demucs", PACKAGE):
        if len(settings.models) > 1:
            raise ParameterError(f"--engine {settings.engine} takes one --model", hint="leave --engine away to average")
        return settings.engine
    if settings.engine == "spleeter" and settings.model is None:
        raise ModelError(
            "--engine spleeter needs Spleeter's weights",
            hint="audiokit models pull spleeter-2stems, then: audiokit split ... --model spleeter-2stems",
        )
    return "model"


def configuration(settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Name the package's configuration and its stems: that of `settings.model`, or the smallest with the stems wanted.

    Raises:
        ParameterError: the package has no such configuration.

    >>> configuration(Settings(stems=("drums",)))[0], configuration(Settings(model="spleeter-2stems-16kHz"))[0]
    ('4stems', '2stems-16kHz')
    """
    if settings.models:
        name = settings.models[0].removeprefix("spleeter:").removeprefix("spleeter-")
        stems = _PACKAGE_STEMS.get(name.removesuffix("-16kHz"))
        if stems is None:
            raise ParameterError(
                f"--model {settings.models[0]}: the package has no such model",
                hint=f"there are {', '.join(f'spleeter-{name}' for name in _PACKAGE_STEMS)}, also with -16kHz",
            )
        return name, stems
    wanted = {stem for stem in settings.stems or () if stem != RESIDUAL}
    name = next((name for name, stems in _PACKAGE_STEMS.items() if wanted <= set(stems)), "2stems")
    return name, _PACKAGE_STEMS[name]
