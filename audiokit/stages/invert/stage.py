"""`invert`: spectrogram chunks, arrays and streams back to audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.chunks import Chunks
from audiokit.engine.flow import Notes
from audiokit.engine.option import Option
from audiokit.engine.settings import Device, Seed
from audiokit.engine.sound import Sound, Source
from audiokit.engine.spectral import Fmax, Fmin, Hop, Kind, NFft, NMels, Preset, Rate, Scale, Window
from audiokit.engine.stage import Options, stage
from audiokit.errors import InputError, ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audiokit.models.vocoders.engines import Inversion

#: Methods that search for a phase.
_SEARCH = ("method", "auto", "griffin-lim")


def _check(options: Options) -> None:
    """Refuse options that have no meaning together."""
    if options["vocoder"] is not None and (
        options["method"] != "auto" or _init(options) != "pghi" or options["model"] is not None
    ):
        raise ParameterError("--vocoder replaces --method, --init and --model", hint="leave those out")
    if options["model"] not in (None, "none"):
        from audiokit.models.folder.checkpoint import find_for

        find_for(options["model"], "mel2linear")  # what cannot be used is an error even where nothing asks for it


def _init(options: Options) -> str:
    """Where the search for the phase starts: a source that is given is meant to be used."""
    init: str = options["init"]
    return "source" if options["source"] is not None and init == "pghi" else init


def _inversion(options: Options) -> Inversion:
    from audiokit.models.vocoders.engines import Inversion

    return Inversion(
        method=options["method"],
        iterations=options["iterations"],
        init=_init(options),
        model=options["model"],
        seed=options["seed"],
        vocoder=options["vocoder"],
        device=options["device"],
    )


def _models(options: Options) -> Sequence[str]:
    return [name for name in (options["vocoder"], options["model"]) if name and name != "none"]


def _opens(source: str, options: Options) -> Chunks | None:
    """Open a bare array of another project, which only the options describe; None for anything else."""
    from audiokit.stages.invert.bare import is_bare, open_bare

    return open_bare(source, options) if is_bare(source) else None


@stage(reads=Chunks, writes=Sound, check=_check, models=_models, opens=_opens)
def invert(
    chunks: Chunks,
    *,
    method: Annotated[
        Literal["auto", "istft", "pghi", "griffin-lim"],
        Option("auto is exact where the phase was kept; else phases are found by pghi and improved by griffin-lim."),
    ] = "auto",
    iterations: Annotated[int, Option("Rounds of fast Griffin-Lim.", min=0, max=10_000, when=_SEARCH)] = 32,
    init: Annotated[
        Literal["pghi", "source", "random"], Option("Where the search for the phase starts.", when=_SEARCH)
    ] = "pghi",
    source: Annotated[Source | None, Option("The sound whose phase --init source takes.", when=_SEARCH)] = None,
    model: Annotated[
        str | None,
        Option(
            "Network from mel bands to linear bins (default: the shipped one that fits; none: solve without).",
            metavar="NAME|FOLDER|none",
        ),
    ] = None,
    vocoder: Annotated[
        str | None,
        Option(
            "A neural vocoder instead: MelGAN, HiFi-GAN or Vocos, imported or the official checkpoint itself.",
            metavar="NAME|FOLDER|FILE",
        ),
    ] = None,
    device: Device = "auto",
    preset: Preset = None,
    kind: Kind = None,
    rate: Rate = None,
    scale: Scale = None,
    n_fft: NFft = None,
    hop: Hop = None,
    window: Window = None,
    n_mels: NMels = None,
    fmin: Fmin = None,
    fmax: Fmax = None,
    seed: Seed = 0,
    length: Annotated[int | None, Option("Samples to return, of arrays.", min=0, hidden=True)] = None,
) -> Sound:
    """Turn spectrogram chunks back into audio.

    What the numbers mean is read from the set itself; a bare .npy of another project needs --preset, or the options
    that describe it (which are ignored otherwise).

    Examples:
        audiokit invert song.chunks -o back.wav
        audiokit invert sets/ -o audio/ --iterations 100
        audiokit invert generated.npy --preset cyclegan-music -o jazz.wav
        audiokit invert speech.chunks --vocoder g_02500000 -o speech.wav
        audiokit invert styled.chunks --init source --source song.wav -o styled.wav

    Returns:
        The sound, as long as the set says (or as what its frames cover).

    Raises:
        DamagedError: the values do not fit the transform, are not finite, or leave a gap.
        ParameterError, UsageError: an option is unknown, or has no meaning here.
        ModelError: a network does not fit the bands.

    References:
        Perraudin, Balazs and Sondergaard (2013), A fast Griffin-Lim algorithm; Prusa, Balazs and Sondergaard (2017),
        A noniterative method for reconstruction of phase from STFT magnitude.

    >>> import audiokit
    >>> import numpy as np
    >>> y = np.sin(np.arange(5000, dtype=np.float32))[None]
    >>> X, transform = audiokit.spectro(y, 8000)
    >>> bool(np.abs(audiokit.invert(X, transform, length=5000) - y).max() < 1e-6)
    True
    """
    from audiokit.dsp.spectrum.transform import Transform
    from audiokit.dsp.spectrum.windows import check_length, join_chunks
    from audiokit.models.vocoders.engines import choose_engine

    options = dict(locals())
    head = chunks.head
    if head.kind != "spectrum" or head.transform is None:
        raise InputError(
            f"{chunks.name}: holds {head.kind} chunks, not spectra",
            hint="make spectra with: audiokit spectro FILE -o NAME.chunks",
        )
    transform = Transform.from_dict(head.transform, chunks.name)
    how = _inversion(options)
    notes = Notes()
    notes.warnings += chunks.notes.warnings

    def phases() -> Iterator[NDArray[np.float32]] | None:
        return None if source is None else Sound.open(source).at(transform.rate).blocks()

    engine = choose_engine(transform, head.channels, how, phases())
    notes.report["engine"] = engine.name
    waiting = [engine]

    def blocks() -> Iterator[NDArray[np.float32]]:
        turning = waiting.pop() if waiting else choose_engine(transform, head.channels, how, phases())
        count = 0
        for frames in join_chunks(chunks.parts(transform), transform, chunks.name):
            count += frames.shape[2]
            yield turning.push(frames)
        check_length(head.length, count, transform, chunks.name)
        yield turning.finish(head.length if length is None else length)

    from audiokit.io.about import AudioInfo

    about: dict[str, Any] = head.source
    tags = {key: str(value) for key, value in dict(about.get("tags") or {}).items()}
    info = AudioInfo(
        str(about.get("name", "")), engine.rate, head.channels, head.length,
        str(about.get("subtype", "FLOAT")), str(about.get("format", "")), tags, head.history,
    )  # fmt: skip
    made = Sound(engine.rate, head.channels, blocks, length=head.length, info=info)
    made.notes = notes
    return made
