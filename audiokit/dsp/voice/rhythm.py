"""Rhythm of a sung text: which syllable begins on which eighth, and which of them are held."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from audiokit.dsp.voice.plan import Music, SungNote
from audiokit.dsp.voice.syllables import Syllable

#: The grid is the coarsest division of the beat whose steps are no longer than this: eighths at usual tempos, beats at
#: very fast ones, sixteenths below 120 BPM. Words stretched 1.3 to 2 times are understood less (.57 of them) than those
#: stretched less (.73): of 476 words of ten voices over 84 to 126 BPM .67 are, .62 with sixteenths below 100 BPM only.
LONGEST_SLOT_S = 0.25
#: Cost of beginning between eighths: sixteenths come in pairs. Without it a fifth of the notes of slow songs lie
#: between eighths, now an eighth of them, for 1.23 times the time of speech instead of 1.22.
BETWEEN_EIGHTHS = 0.3
#: How much longer than spoken a syllable likes to be. The grid stretches it anyway: 1.46 times on average, where .72 of
#: the words of ten sentences are recognised; with 1.5 here it was 1.71 times, and .63 of them.
COMFORTABLE_STRETCH = 1.0


def set_rhythm(
    syllables: Sequence[Syllable], music: Music, *, start_s: float = 0.0, fit: str = "phrase"
) -> tuple[list[SungNote], list[str]]:
    """Lay syllables on the grid of a backing, phrase by phrase.

    Each phrase begins at a bar (or shortly before or after it), every vowel begins on a beat or an eighth,
    stressed syllables prefer beats, held notes prefer long syllables and phrase ends, and a breath is left before
    the next phrase. The choice minimises the sum of these costs (dynamic programming).

    Args:
        syllables: of the speech.
        music: the backing's beats.
        start_s: earliest time of the first note.
        fit: "phrase" leaves out phrases that do not fit before the end, "trim" cuts the last one, "loop" begins
            again when the speech is over and stops at the end.

    Returns:
        The notes, their pitch still 60, and warnings: what of the speech is not sung.
    """
    grid = _Grid(
        music, next(d for d in (1, 2, 4, 8) if np.median(np.diff(music.beats_s)) / d <= LONGEST_SLOT_S or d == 8)
    )
    phrases = group_phrases(syllables, bar_s=grid.bar_s)
    notes: list[SungNote] = []
    lead = max(syllables[phrases[0][0]].vowel_s - syllables[phrases[0][0]].start_s, 0.0) if phrases else 0.0
    cursor = grid.first_slot(max(start_s, min(lead, 0.25)))
    number = 0
    while phrases and (number < len(phrases) or fit == "loop"):
        phrase = phrases[number % len(phrases)]
        slots = _place_phrase([syllables[i] for i in phrase], grid, cursor)
        last = slots[-1]
        if grid.time(last) > music.end_s - (0.0 if fit == "trim" else 0.05):
            if fit == "trim" and grid.time(slots[0]) < music.end_s:
                notes += _notes(phrase, slots, grid, number, music.end_s)
            break
        notes += _notes(phrase, slots, grid, number, music.end_s)
        number += 1
        cursor = last + 1  # at least one slot to breathe
    said = _left_out(phrases, syllables, number, {note.syllable for note in notes})
    return notes, [said] if said else []


def _left_out(phrases: list[list[int]], syllables: Sequence[Syllable], whole: int, sung: set[int]) -> str:
    """Say what of the speech the backing leaves no room for; nothing when all of it is sung."""
    missing = [i for phrase in phrases for i in phrase if i not in sung]
    if not missing:
        return ""
    ends = f"within phrase {whole + 1}" if missing[0] != phrases[whole][0] else f"after {whole}"
    first, last = syllables[missing[0]].start_s, syllables[missing[-1]].end_s
    return (
        f"the backing ends {ends} of {len(phrases)} phrases of the speech: "
        f"seconds {first:.1f} to {last:.1f} of it are not sung (--fit loop repeats the backing)"
    )


def group_phrases(syllables: Sequence[Syllable], *, bar_s: float) -> list[list[int]]:
    """Group syllables into phrases of at most about four bars, split at pauses and long gaps.

    Args:
        syllables: of the speech.
        bar_s: length of a bar in seconds.

    Returns:
        Indices of the syllables of each phrase.
    """
    groups: list[list[int]] = []
    for i, syllable in enumerate(syllables):
        if i and syllable.phrase == syllables[i - 1].phrase:
            groups[-1].append(i)
        else:
            groups.append([i])
    merged: list[list[int]] = []
    for group in groups:
        gap = syllables[group[0]].start_s - syllables[group[0] - 1].end_s if group[0] else 9.0
        if merged and min(len(merged[-1]), len(group)) < 3 and gap < 0.5:
            merged[-1] = merged[-1] + group
        else:
            merged.append(group)
    return [part for group in merged for part in _split(group, syllables, bar_s)]


def _split(group: list[int], syllables: Sequence[Syllable], bar_s: float) -> list[list[int]]:
    spoken = syllables[group[-1]].tail_s - syllables[group[0]].vowel_s
    if (spoken * COMFORTABLE_STRETCH <= 4 * bar_s and len(group) <= 20) or len(group) < 6:
        return [group]
    gaps = [
        syllables[b].vowel_s - syllables[a].tail_s - 0.02 * abs(2 * k - len(group))
        for k, (a, b) in enumerate(itertools.pairwise(group), start=1)
    ]
    inner = range(2, len(group) - 2)
    cut = max(inner, key=lambda k: gaps[k - 1])
    return _split(group[:cut], syllables, bar_s) + _split(group[cut:], syllables, bar_s)


class _Grid:
    """Beats and eighths of the backing, counted in slots."""

    def __init__(self, music: Music, divisions: int) -> None:
        self.music, self.divisions = music, divisions
        self._times: dict[int, float] = {}
        down = np.flatnonzero(music.downbeats)
        self.bar = int(np.median(np.diff(down))) * divisions if len(down) > 1 else 4 * divisions
        self.origin = int(down[0]) * divisions if len(down) else 0
        self.down = set((down * divisions).tolist())
        self.known = range(min(self.down, default=0), max(self.down, default=-1) + 1)
        self.bar_s = float(np.median(np.diff(music.beats_s))) * self.bar / divisions

    def time(self, slot: int) -> float:
        found = self._times.get(slot)
        if found is None:  # asked for again and again, and the longer the music the more there is to look through
            found = self._times[slot] = float(self.music.time_of(slot / self.divisions))
        return found

    def first_slot(self, time_s: float) -> int:
        return int(np.ceil(self.music.beat_at(time_s) * self.divisions - 1e-6))

    def is_down(self, slot: int) -> bool:
        if slot in self.known:
            return slot in self.down
        return (slot - self.origin) % self.bar == 0

    def strength(self, slot: int) -> float:
        """1 on a downbeat, 0.8 on the middle of a bar, 0.6 on other beats, less or nothing between beats."""
        if self.is_down(slot):
            return 1.0
        if slot % self.divisions:
            return 0.3 if self.divisions > 2 and slot % (self.divisions // 2) == 0 else 0.0
        position = (slot - self.origin) % self.bar
        return 0.8 if self.bar % 4 == 0 and position == self.bar // 2 else 0.6

    def is_off(self, slot: int) -> bool:
        """Tell whether a slot lies between eighths."""
        return self.divisions > 2 and slot % (self.divisions // 2) != 0

    def next_down(self, slot: int) -> int:
        while not self.is_down(slot):
            slot += 1
        return slot


def _place_phrase(phrase: list[Syllable], grid: _Grid, cursor: int) -> list[int]:
    """Slots of the syllables' onsets, and last the slot where the final note ends."""
    down = grid.next_down(cursor)
    starts = {down: 0.0, down + 1: 0.8, down + 2: 0.5, down - 1: 0.3, down - 2: 0.3}
    best: dict[int, tuple[float, tuple[int, ...]]] = {
        slot: (cost + _accent(phrase[0], grid.strength(slot)), (slot,))
        for slot, cost in starts.items()
        if slot >= cursor
    }
    for i, syllable in enumerate(phrase):
        final = i == len(phrase) - 1
        spoken = (syllable.tail_s + 0.08 if final else phrase[i + 1].vowel_s) - syllable.vowel_s
        after: dict[int, tuple[float, tuple[int, ...]]] = {}
        for slot, (cost, path) in best.items():
            for length in range(1, 9 if final else 5):
                end = slot + length
                seconds = grid.time(end) - grid.time(slot)
                total = cost + _length_cost(seconds, spoken, final)
                if final:
                    rest = grid.next_down(end) - end
                    total += 0.25 * max(0, rest - grid.bar // 2) + (0.6 if rest == 0 else 0.0)
                else:
                    total += _accent(phrase[i + 1], grid.strength(end)) + BETWEEN_EIGHTHS * grid.is_off(end)
                if end not in after or total < after[end][0]:
                    after[end] = (total, (*path, end))
        best = after
    return list(min(best.values())[1])


def _accent(syllable: Syllable, strength: float) -> float:
    return 0.7 * (syllable.stress - 0.3) * (0.6 - strength)


def _length_cost(seconds: float, spoken: float, final: bool) -> float:
    wanted = max(spoken, 0.12) * (2.5 if final else COMFORTABLE_STRETCH)
    ratio = np.log2(seconds / wanted)
    return float(1.2 * ratio**2 + (2.0 * (np.log2(spoken / seconds) + 0.1) if seconds < spoken * 0.93 else 0.0))


def _notes(phrase: list[int], slots: list[int], grid: _Grid, number: int, end_s: float) -> list[SungNote]:
    return [
        SungNote(grid.time(a), min(grid.time(b), end_s), 60.0, syllable, number)
        for syllable, a, b in zip(phrase, slots[:-1], slots[1:], strict=True)
        if grid.time(a) < end_s - 0.1
    ]
