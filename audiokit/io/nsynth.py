"""Folders of labelled single notes: NSynth's layout, and files named by instrument and pitch.

NSynth's layout is `examples.json` (note_str -> its fields) beside `audio/<note_str>.wav`. A plain folder holds
files named `<instrument>_<midi>_<name>_<layer>`; only the first two parts are needed.

References:
    Engel et al. (2017), Neural audio synthesis of musical notes with WaveNet autoencoders (the data set and fields).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiokit.errors import DamagedError, InputError, ParameterError
from audiokit.io.audio import SUFFIXES
from audiokit.io.files import atomic_file

FAMILIES = (
    "bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal",
)  # fmt: skip
SOURCES = ("acoustic", "electronic", "synthetic")
QUALITIES = (
    "bright", "dark", "distortion", "fast_decay", "long_release", "multiphonic", "nonlinear_env", "percussive",
    "reverb", "tempo-synced",
)  # fmt: skip
INDEX = "examples.json"

# Words in instrument names -> family; the first that fits wins.
_WORDS = (
    ("bass", r"bass(?!oon)|contrabajo"),
    ("keyboard", r"piano|rhodes|wurli|clav|harpsi|celesta|keys?\b|keyboard"),
    ("organ", r"organ|harmonium"),
    ("guitar", r"guitar|banjo|sitar|ukulele|mandolin|(?<!f)lute|koto"),
    ("mallet", r"vibra|marimba|xylo|glocken|bells?\b|steel|drum|kalimba|music_box|mallet"),
    ("flute", r"flute|recorder|whistle|ocarina|piccolo|panpipe"),
    ("brass", r"tuba|trumpet|trombone|horn|brass|cornet"),
    ("reed", r"sax|oboe|clarinet|bassoon|accordion|harmonica|reed|bagpipe"),
    ("string", r"violin|viola|cello|string|fiddle|harp|arco|pizz"),
    ("vocal", r"voice|vocal|choir|vox|aah|ooh|sing"),
    ("synth_lead", r"synth|lead|pad|saw|square"),
)
_NAMED = re.compile(r"(?P<instrument>.+?)_(?P<midi>\d{2,3})(?:_(?P<name>[A-Ga-g][sb#]?-?\d))?(?:_(?P<layer>.+))?$")


@dataclass
class NoteFile:
    """One labelled note on disk.

    Attributes:
        path: the audio file.
        name: note_str, unique within its set.
        instrument: instrument_str.
        pitch: MIDI number.
        velocity: 1..127; 100 where the set does not say.
        family, source: NSynth's words, or "" when unknown.
        qualities: NSynth's words.
        fields: everything the set says about it, kept as it was.
    """

    path: Path
    name: str
    instrument: str
    pitch: int
    velocity: int = 100
    family: str = ""
    source: str = ""
    qualities: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)


def read_notes(folder: str | os.PathLike[str]) -> list[NoteFile]:
    """List the labelled notes of a folder, in either layout.

    Raises:
        InputError: the folder is missing or holds no note that can be recognised.
        DamagedError: examples.json is broken or names audio that is not there.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{folder}: no such folder of notes")
    if (root / INDEX).exists():
        return _read_examples(root)
    notes = [n for p in sorted(root.rglob("*")) if p.suffix.lower() in SUFFIXES and (n := named_note(p)) is not None]
    if not notes:
        raise InputError(
            f"{folder}: no {INDEX} and no audio named <instrument>_<midi>...",
            hint="name notes like violin_069_A4.wav, or give a folder in NSynth's layout",
        )
    return notes


def named_note(path: Path) -> NoteFile | None:
    """Read a note's label from its file name; None when it has none.

    >>> note = named_note(Path("gm_tuba_036_C2_loud.wav"))
    >>> note.instrument, note.pitch, note.family
    ('gm_tuba', 36, 'brass')
    """
    match = _NAMED.match(path.stem)
    if match is None or not 0 <= int(match["midi"]) <= 127:
        return None
    instrument = match["instrument"]
    return NoteFile(path, path.stem, instrument, int(match["midi"]), family=guess_family(instrument))


def guess_family(instrument: str) -> str:
    """Guess NSynth's family from an instrument's name; "" when nothing fits.

    >>> guess_family("alto_sax"), guess_family("gm_tremolo_strings"), guess_family("thing")
    ('reed', 'string', '')
    """
    text = instrument.lower()
    return next((family for family, words in _WORDS if re.search(words, text)), "")


def example(
    name: str,
    *,
    instrument: str,
    pitch: int,
    velocity: int,
    family: str,
    source: str,
    qualities: Iterable[str],
    rate: int,
    note: int = 0,
    instrument_number: int = 0,
) -> dict[str, Any]:
    """Build the entry of one note with every field NSynth has.

    Raises:
        ParameterError: a family, source or quality is not in NSynth's vocabulary.

    >>> example("a", instrument="a", pitch=60, velocity=100, family="organ", source="acoustic",
    ...         qualities=["dark"], rate=16000)["instrument_family"]
    6
    """
    named = set(qualities)
    for value, known, what in ((family, FAMILIES, "family"), (source, SOURCES, "source")):
        if value not in known:
            raise ParameterError(f"unknown {what} {value!r}", hint=f"known: {', '.join(known)}")
    if unknown := named - set(QUALITIES):
        raise ParameterError(f"unknown quality {sorted(unknown)[0]!r}", hint=f"known: {', '.join(QUALITIES)}")
    return {
        "note": note,
        "note_str": name,
        "instrument": instrument_number,
        "instrument_str": instrument,
        "pitch": pitch,
        "velocity": velocity,
        "sample_rate": rate,
        "qualities": [int(q in named) for q in QUALITIES],
        "qualities_str": [q for q in QUALITIES if q in named],
        "instrument_family": FAMILIES.index(family),
        "instrument_family_str": family,
        "instrument_source": SOURCES.index(source),
        "instrument_source_str": source,
    }


def write_examples(folder: str | os.PathLike[str], examples: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write examples.json, whole or not at all, and return its path."""
    target = Path(folder) / INDEX
    with atomic_file(target, force=True) as temporary:
        temporary.write_text(json.dumps(examples, indent=1) + "\n", encoding="utf-8")
    return target


def _read_examples(root: Path) -> list[NoteFile]:
    path = root / INDEX
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict) or not content:
        raise DamagedError(f"{path}: holds no notes")
    notes = []
    for name, fields in content.items():
        try:
            note = NoteFile(
                root,
                name,
                str(fields["instrument_str"]),
                int(fields["pitch"]),
                int(fields["velocity"]),
                str(fields["instrument_family_str"]),
                str(fields["instrument_source_str"]),
                tuple(fields.get("qualities_str", ())),
                dict(fields),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(f"{path}: the entry {name!r} lacks or spoils {error}") from None
        note.path = _audio_of(root, name, fields)
        notes.append(note)
    return notes


def _audio_of(root: Path, name: str, fields: Mapping[str, Any]) -> Path:
    places = [root / str(fields["file"])] if "file" in fields else []
    places += [root / "audio" / f"{name}.wav", root / f"{name}.wav"]
    for place in places:
        if place.exists() and place.resolve().is_relative_to(root.resolve()):
            return place
    raise DamagedError(f"{root / INDEX}: names {name}, but audio/{name}.wav is not there")
