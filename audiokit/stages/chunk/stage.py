"""`chunk`: cut audio into pieces, and join them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.chunks import Chunks, piece
from audiokit.engine.flow import Flow, Notes
from audiokit.engine.option import Option
from audiokit.engine.parse import decibels, seconds
from audiokit.engine.parts import Parts
from audiokit.engine.settings import FILES, Mono, Rate
from audiokit.engine.sound import Sound
from audiokit.engine.stage import Options, stage
from audiokit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audiokit.engine.chunks import Piece


def _check(options: Options) -> None:
    """Refuse options that leave open where to cut, or say it twice."""
    if options["join"]:
        return
    if (options["every"] is None) == (options["at"] is None):
        raise UsageError("say where to cut", hint="either --every 6s, or --at beats, or --at silence")
    if options["at"] and options["overlap"] != "0":
        raise UsageError("--overlap belongs to --every")
    from audiokit.stages.chunk.places import piece_and_overlap

    piece_and_overlap(options, 48_000)


def _found(options: Options) -> str:
    """Folders are searched for recordings to cut, or for sets to join."""
    return "chunks" if options["join"] else "audio"


def _inputs(inputs: Sequence[str], options: Options) -> Sequence[str]:
    """Name a folder of pieces that are to be joined by its index, so that it counts as one input."""
    from audiokit.stages.chunk.join import index_in

    return [index_in(path) or path for path in inputs] if options["join"] else inputs


def _opens(source: str, options: Options) -> Flow:
    """Open pieces that are to be joined (a folder of them, or a chunk set), or a recording to cut."""
    if not options["join"]:
        return Sound.open(source)
    from audiokit.stages.chunk.join import index_in, open_pieces

    index = index_in(source)
    return Chunks.open(source) if index is None else open_pieces(index)


def _suffix(options: Options) -> str:
    return ".wav" if options["join"] else ".chunks" if options["format"] == "chunks" else ""


_CUTS = ("join", False)
_AT_SILENCE = ("at", "silence")


@stage(
    reads=(Sound, Chunks),
    writes=(Parts, Chunks, Sound),
    check=_check,
    found=_found,
    inputs=_inputs,
    opens=_opens,
    twice=lambda options: options["at"] is not None,
    suffix=_suffix,
    naming=lambda options: None if _suffix(options) else "{stem}",
)
def chunk(
    flow: Sound | Chunks,
    *,
    every: Annotated[
        float | str | None, Option("Cut pieces of this length.", metavar="6s", parse=seconds, when=_CUTS)
    ] = None,
    overlap: Annotated[
        str, Option("What neighbouring pieces share, with --every.", metavar="50%|1s", when=_CUTS)
    ] = "0",
    tail: Annotated[
        Literal["pad", "keep", "drop"], Option("What becomes of a last piece that is too short.", when=_CUTS)
    ] = "keep",
    at: Annotated[Literal["beats", "silence"] | None, Option("Cut there instead.", when=_CUTS)] = None,
    beats: Annotated[int, Option("This many per piece, from a downbeat on.", min=1, when=("at", "beats"))] = 4,
    threshold: Annotated[
        float | str, Option("Quieter is silence.", metavar="-40dB", parse=decibels, when=_AT_SILENCE)
    ] = "-40dB",
    min_: Annotated[float | str, Option("Shortest piece.", metavar="1s", parse=seconds, when=_AT_SILENCE)] = "1s",
    max_: Annotated[
        float | str,
        Option(
            "Longest piece; then the quietest place is cut.",
            metavar="15s",
            parse=seconds,
            when=_AT_SILENCE,
        ),
    ] = "15s",
    pause: Annotated[
        float | str,
        Option("Shorter silences do not count.", metavar="0.2s", parse=seconds, when=_AT_SILENCE),
    ] = "0.2s",
    format: Annotated[
        Literal["wav", "flac", "chunks"],
        Option("A folder of audio files per input, or a chunk set.", when=_CUTS, group=FILES),
    ] = "wav",
    rate: Rate = None,
    mono: Mono = False,
    join: Annotated[bool, Option("The other way round: put pieces together again, to the sample.")] = False,
) -> Parts | Chunks | Sound:
    """Cut audio into pieces: of one length, at beats, or at silences.

    Each input becomes a folder of audio files (with pieces.json, which says where they come from) or a chunk set.

    Examples:
        audiokit chunk song.wav --every 6s --overlap 50% --tail pad -o pieces/
        audiokit chunk songs/ --at beats --beats 4 -o loops/
        audiokit chunk interview.flac --at silence --threshold -40dB --min 1s --max 15s -o takes/
        audiokit chunk song.wav --every 6s --format chunks -o - | audiokit chunk - --join -o same.wav

    Returns:
        Parts, named by their number; the first and last sample of each are its details ("span"). A chunk set with
        format="chunks". The whole again with join=True. For an array, the pieces (C, n) by number.

    Raises:
        UsageError, ParameterError: where to cut is not said, or said twice, or makes no sense; pieces are to be cut,
            or a sound is to be joined.
        InputError: no beats are found.
        DamagedError: pieces that are to be joined leave a gap.

    >>> import numpy as np
    >>> pieces = chunk(np.zeros((2, 10), np.float32), 1, every=4)
    >>> {name: y.shape for name, y in pieces.items()}
    {'000000': (2, 4), '000001': (2, 4), '000002': (2, 2)}
    """
    options = dict(locals())
    if isinstance(flow, Chunks):
        if not join:
            raise UsageError(f"{flow.name}: is in pieces already", hint="put them together with --join")
        from audiokit.stages.chunk.join import joined

        return joined(flow)
    if join:
        raise UsageError("--join puts pieces together, but this is one sound")
    source = flow.at(rate, mono=mono)
    source = source if at is None else source.replay()
    notes = Notes()
    notes.report |= {"rate": source.rate, "channels": source.channels}
    cut = _Cut(source, options, notes)
    return cut.chunks() if format == "chunks" else cut.parts()


class _Cut:
    """The pieces of a sound, as files or as a chunk set."""

    def __init__(self, sound: Sound, options: Options, notes: Notes) -> None:
        self.sound, self.options, self.notes = sound, options, notes

    def pieces(self, blocks: Iterator[NDArray[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield first sample and samples (C, n) of every piece, of the type of the blocks, and count them."""
        from audiokit.dsp.effects.cut import cut
        from audiokit.stages.chunk.places import spans_of

        wanted = self.options["tail"]
        tail = wanted if self.options["every"] is not None else ("drop" if wanted == "drop" else "keep")
        count, end = 0, 0
        for start, values in cut(blocks, spans_of(self.sound, self.options), tail=tail):
            yield start, values
            count, end = count + 1, start + values.shape[1]
        self.notes.report |= {"pieces": count, "seconds": round(end / self.sound.rate, 6)}

    def parts(self) -> Parts:
        """The pieces as sounds."""
        sound = self.sound

        def items() -> Iterator[tuple[str, Sound]]:
            numbers = sound.numbers()
            for number, (start, values) in enumerate(self.pieces(sound.blocks() if numbers is None else numbers)):
                notes = Notes(details={"span": [start, start + values.shape[1]]})
                whole = None if numbers is None else _only(values)
                made = sound.derive(_as_floats(values), length=values.shape[1], notes=notes, numbers=whole)
                made.within_full_scale = True
                yield f"{number:06d}", made

        parts = Parts.in_turn(items, source=sound.name, notes=self.notes)
        parts.suffix = "." + self.options["format"]
        parts.index, parts.as_chunks = self._write_index, self.chunks
        return parts

    def _write_index(self, folder: Path, made: list[tuple[str, Notes]], entries: list[dict[str, Any]]) -> None:
        """Write where each piece comes from."""
        import json

        from audiokit.engine.plan import PIECES as INDEX

        spans = [(name, *notes.details["span"]) for name, notes in made]
        suffix = "." + self.options["format"]
        items = [{"file": name + suffix, "start": start, "stop": stop} for name, start, stop in spans]
        end = spans[-1][2] if spans else 0
        source = Path(self.sound.name).name
        about = {"source": source, "rate": self.sound.rate, "length": self.sound.length or end, "items": items}
        (folder / INDEX).write_text(json.dumps({**about, "history": entries}, indent=1), encoding="utf-8")

    def chunks(self) -> Chunks:
        """The pieces as a chunk set."""
        from audiokit.io.chunkset import Head
        from audiokit.stages.chunk.places import piece_and_overlap

        sound = self.sound
        size, overlap = piece_and_overlap(self.options, sound.rate)
        stem = Path(sound.name).stem if sound.name != "-" else "stdin"
        head = Head(
            "audio", sound.rate, sound.channels, sound.length, "float32", max(1, size), max(1, size - overlap),
            name=stem, join="replace", source={"name": Path(sound.name).name, "subtype": sound.info.subtype},
            history=sound.history,
        )  # fmt: skip

        def pieces() -> Iterator[Piece]:
            end, longest = 0, 1
            for number, (start, values) in enumerate(self.pieces(sound.blocks())):
                end, longest = start + values.shape[1], max(longest, values.shape[1])
                yield piece(values, start, end, number=number)
            if self.options["every"] is None:
                made.head.chunk = made.head.hop = longest
            if made.head.length is None:
                made.head.length = end

        made = Chunks(head, pieces, name=sound.name, notes=self.notes)
        return made


def _only(values: NDArray[Any]) -> Any:
    return lambda: iter([values])


def _as_floats(values: NDArray[Any]) -> Any:
    import numpy as np

    return _only(values) if values.dtype != np.int16 else lambda: iter([values * np.float32(2**-15)])
