"""Plans of sung vocals as files: JSON holds everything, MIDI the notes and syllables for any music program."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.dsp.voice.plan import Music, Plan, SungNote, check_notes
from audiokit.dsp.voice.syllables import Syllable
from audiokit.errors import DamagedError, InputError, ParameterError, check_version
from audiokit.io.files import atomic_file
from audiokit.io.midi import read_midi, write_midi
from audiokit.io.midi_format import Note, Score

FORMAT, VERSION = "audiokit.sing-plan", 1


def write_plan(path: str | Path, plan: Plan, *, force: bool = False) -> None:
    """Write a plan as .json or .mid.

    Raises:
        ParameterError: another suffix.
        InputError: the file exists.
    """
    target = Path(path)
    check_plan_path(target)
    if target.suffix.lower() == ".json":
        with atomic_file(target, force=force) as temporary:
            temporary.write_text(json.dumps(plan_to_dict(plan), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    write_midi(target, plan_to_score(plan), force=force)


def read_plan(path: str | Path, *, syllables: Sequence[Syllable], music: Music) -> Plan:
    """Read a plan, edited or not.

    Args:
        path: .json or .mid.
        syllables: of the speech; a JSON plan brings its own.
        music: of the backing; a JSON plan brings its own.

    Returns:
        The plan, its notes checked and in order.

    Raises:
        InputError: not a plan.
        DamagedError: a plan that cannot be read.
        ParameterError: a note that cannot be sung.
    """
    source = Path(path)
    check_plan_path(source)
    if source.suffix.lower() == ".json":
        return _plan_from_json(source)
    notes = score_to_notes(read_midi(source), count=len(syllables), name=str(path))
    return Plan(check_notes(notes, len(syllables)), list(syllables), music)


def check_plan_path(path: Path) -> None:
    """Refuse suffixes other than .json and .mid (ParameterError)."""
    if path.suffix.lower() not in (".json", ".mid", ".midi"):
        raise ParameterError(f"{path}: a plan is a .json or a .mid file")


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """Give a plan as JSON fields."""
    music = plan.music
    return {
        "format": FORMAT,
        "version": VERSION,
        "key": music.key_name,
        "bpm": round(music.bpm, 3),
        "music": {
            "end_s": music.end_s,
            "tonic": music.tonic,
            "mode": music.mode,
            "beats_s": [round(float(t), 5) for t in music.beats_s],
            "downbeats": np.flatnonzero(music.downbeats).tolist(),
            "chords": [list(chord) for chord in music.chords],
        },
        "syllables": [{k: _rounded(v) for k, v in asdict(s).items()} for s in plan.syllables],
        "notes": [
            {**{k: _rounded(v) for k, v in asdict(n).items()}, "text": plan.syllables[n.syllable].text.strip()}
            for n in plan.notes
        ],
        "warnings": plan.warnings,
    }


def _rounded(value: Any) -> Any:
    return round(value, 5) if isinstance(value, float) else value


def _plan_from_json(path: Path) -> Plan:
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{path}: not a plan of audiokit sing")
    check_version(record.get("version"), VERSION, f"{path}: plan", InputError)
    try:
        held = record["music"]
        beats = np.array(held["beats_s"], float)
        down = np.zeros(len(beats), bool)
        down[np.array(held["downbeats"], int)] = True
        chords = tuple(tuple(int(p) for p in chord) for chord in held["chords"])
        music = Music(
            beats, down, float(held["end_s"]), int(held["tonic"]) % 12, str(held["mode"]), chords, float(record["bpm"])
        )
        syllables = [Syllable(**{name: kind(s[name]) for name, kind in _SYLLABLE.items()}) for s in record["syllables"]]
        notes = [
            SungNote(
                float(n["start_s"]), float(n["end_s"]), float(n["pitch"]), int(n["syllable"]), int(n.get("phrase", 0))
            )
            for n in record["notes"]
        ]
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise DamagedError(f"{path}: the plan lacks something or holds nonsense ({error!r})") from None
    if len(beats) < 2 or (np.diff(beats) <= 0).any() or not np.isfinite(beats).all():
        raise DamagedError(f"{path}: the plan's beats are not rising times")
    for index, syllable in enumerate(syllables):
        times = [syllable.start_s, syllable.vowel_s, syllable.tail_s, syllable.end_s]
        if not np.isfinite(times).all() or times[0] < 0 or (np.diff(times) < 0).any() or times[1] == times[2]:
            raise ParameterError(f"{path}: syllable {index}: start, vowel, tail and end must be rising times")
    return Plan(check_notes(notes, len(syllables)), syllables, music)


_SYLLABLE: dict[str, type] = {
    "start_s": float,
    "vowel_s": float,
    "nucleus_s": float,
    "tail_s": float,
    "end_s": float,
    "phrase": int,
    "stress": float,
    "pitch_semitones": float,
    "text": str,
}


def plan_to_score(plan: Plan) -> Score:
    """Give a plan as a score whose bars are those of the backing; syllables without text are called #1, #2, ..."""
    beats = plan.music.beats_s
    tempos = [(0.0, 60 / float(beats[0]))] if beats[0] > 0.05 else []
    tempos += [(max(float(a), 0.0), 60 / float(b - a)) for a, b in itertools.pairwise(beats) if a >= -1e-6]
    tempos[0] = (0.0, tempos[0][1])
    down = np.flatnonzero(plan.music.downbeats)
    per_bar = int(np.median(np.diff(down))) if len(down) > 1 else 4
    notes, lyrics = [], []
    for index, note in enumerate(plan.notes):
        notes.append(Note(note.start_s, note.end_s, round(note.pitch)))
        slur = index and plan.notes[index - 1].syllable == note.syllable
        text = plan.syllables[note.syllable].text
        lyrics.append((note.start_s, "-" if slur else text or f"#{note.syllable + 1}"))
    return Score(notes, tempos=tempos, meters=[(0.0, per_bar, 4)], lyrics=lyrics, names={0: "vocal"} if notes else {})


def score_to_notes(score: Score, *, count: int, name: str, fit: str = "phrase") -> list[SungNote]:
    """Give each note of a score its syllable: by its lyric ("#3" is the third, "-" a slur), else one after the other.

    Args:
        score: notes and perhaps lyrics; the track with lyrics, with a name like vocal or melody, or with the highest
            notes is sung, one note at a time.
        count: syllables there are.
        name: of the file, for errors.
        fit: "loop" begins again after the last syllable.

    Returns:
        The notes that got a syllable.

    Raises:
        InputError: no notes.
    """
    line = _melody_line(score, name)
    lyrics = {round(time, 2): text.strip() for time, text in score.lyrics}
    result: list[SungNote] = []
    following = phrase = 0
    for note in line:
        text = next((lyrics[t] for t in (round(note.start_s + d, 2) for d in (0, 0.01, -0.01)) if t in lyrics), "")
        if result and note.start_s - result[-1].end_s > 0.4:
            phrase += 1
        if text in ("-", "_", "+", "~") and result:
            syllable = result[-1].syllable
        elif match := re.fullmatch(r"#(\d+)", text):
            syllable = int(match[1]) - 1
            following = syllable + 1
        else:
            if following >= count:
                if fit != "loop":
                    break
                following = 0
            syllable, following = following, following + 1
        result.append(SungNote(note.start_s, note.end_s, float(note.pitch), syllable, phrase))
    return result


def _melody_line(score: Score, name: str) -> list[Note]:
    """The one-voiced line that is meant to be sung."""
    tracks: dict[int, list[Note]] = {}
    for note in score.notes:
        if note.channel != 9:
            tracks.setdefault(note.track, []).append(note)
    if not tracks:
        raise InputError(f"{name}: no notes to sing", hint="give a MIDI file with a melody")
    named = [t for t in tracks if re.search("voc|voice|melod|lead|sing", score.names.get(t, ""), re.IGNORECASE)]
    if named:
        best = named[0]
    else:
        best = max(tracks, key=lambda t: float(np.mean([n.pitch for n in tracks[t]])))
    line: list[Note] = []
    for note in sorted(tracks[best], key=lambda n: (n.start_s, -n.pitch)):
        if line and note.start_s - line[-1].start_s < 0.03:
            continue  # a chord: its highest note came first
        if line and line[-1].end_s > note.start_s:
            line[-1] = replace(line[-1], end_s=note.start_s)
        line.append(note)
    return line
