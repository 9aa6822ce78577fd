"""Syllables of speech: where each vowel lies, and how much of every moment may be stretched.

Reference: de Jong and Wempe (2009), Praat script to detect syllable nuclei and measure speech rate automatically
(peaks of intensity with dips of 2 dB around them, voiced), here on the intensity between 300 and 3000 Hz.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from audiokit.dsp.voice.world import HOP_S, Voice, runs

#: A pause at least this long ends a phrase.
PAUSE_S = 0.22


@dataclass(frozen=True)
class Syllable:
    """One syllable of the source, times in seconds of the source.

    Attributes:
        start_s: beginning of the consonants before the vowel.
        vowel_s: onset of the vowel, which music puts on the beat.
        nucleus_s: loudest moment.
        tail_s: end of the vowel.
        end_s: end of the consonants after the vowel.
        phrase: index of the phrase, phrases being separated by pauses.
        stress: 0 (weak) to 1 (strongest), from loudness, length and pitch.
        pitch_semitones: the speaker's own pitch over the vowel, relative to the speaker's median.
        text: the syllable's letters, when lyrics were given.
    """

    start_s: float
    vowel_s: float
    nucleus_s: float
    tail_s: float
    end_s: float
    phrase: int
    stress: float
    pitch_semitones: float
    text: str = ""


def sonority_db(voice: Voice, *, smooth_s: float = 0.02) -> np.ndarray:
    """Level between 300 and 3000 Hz, smoothed, with unvoiced frames 12 dB down.

    Args:
        voice: an analysed voice.
        smooth_s: standard deviation of the smoothing in seconds.

    Returns:
        Level in dB (N,).
    """
    level = 10 * np.log10(voice.middle + 1e-10)
    level = np.maximum(level, np.percentile(level, 99) - 50) - 12.0 * ~voice.voiced
    return _smooth(level, smooth_s / HOP_S)


def _smooth(x: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve with a Gaussian, edges repeated."""
    reach = max(1, int(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.convolve(np.pad(x, reach, mode="edge"), kernel / kernel.sum(), "valid")


def find_syllables(voice: Voice, *, lyrics: str = "", dip_db: float = 2.0) -> list[Syllable]:
    """Find the syllables of speech.

    Args:
        voice: an analysed voice.
        lyrics: what is said, if known: its syllable count decides how many peaks are kept (the most prominent
            ones), and each syllable gets its letters.
        dip_db: how far the level must fall on both sides of a peak when there are no lyrics.

    Returns:
        The syllables in order, none when nothing is voiced.
    """
    parts = split_lyrics(lyrics)
    level = sonority_db(voice)
    peaks = _peaks(level, voice, dip_db, len(parts))
    if not len(peaks):
        return []
    pauses = _pauses(voice)
    lefts, rights = _borders(level, peaks, pauses)
    phrases = np.searchsorted([a for a, _ in pauses], peaks)
    phrases -= phrases[0]
    found = [
        _syllable(level, voice, int(peak), left, right, int(phrase))
        for peak, left, right, phrase in zip(peaks, lefts, rights, phrases, strict=True)
    ]
    ranks = np.argsort(np.argsort([s.stress for s in found])) / max(1, len(found) - 1)
    texts = parts[: len(found)] + [""] * (len(found) - len(parts))
    if len(parts) > len(found):  # more syllables in the text than in the sound: the last takes the rest
        texts[-1] = "".join(parts[len(found) - 1 :])
    return [replace(s, stress=float(r), text=t) for s, r, t in zip(found, ranks, texts, strict=True)]


def _peaks(level: np.ndarray, voice: Voice, dip_db: float, wanted: int) -> np.ndarray:
    """Frames of the nuclei: local maxima, voiced, with dips around them."""
    inner = (level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:])
    frames = np.flatnonzero(inner) + 1
    top = np.percentile(level, 98)
    near = np.convolve(voice.strong, np.ones(9), "same") >= 4
    frames = frames[(level[frames] > top - 25) & near[frames]]
    prominence = np.array([_prominence(level, f) for f in frames])
    order = np.argsort(-prominence, kind="stable")
    limit = 0.3 if wanted else dip_db
    kept: list[int] = []
    free = np.ones(len(level), bool)
    apart = math.ceil(0.09 / HOP_S - 1e-9)  # frames between nuclei
    for i in order:
        if prominence[i] < limit or (wanted and len(kept) >= wanted):
            break
        if free[frames[i]]:
            kept.append(int(frames[i]))
            free[max(0, frames[i] - apart + 1) : frames[i] + apart] = False
    return np.array(sorted(kept), int)


def _prominence(level: np.ndarray, frame: int) -> float:
    """Height of a peak over the higher of the two valleys that separate it from anything higher."""
    before, after = _higher(level[frame::-1]), _higher(level[frame:])
    left = level[frame - before : frame + 1].min()
    right = level[frame : frame + after + 1].min()
    return float(level[frame] - max(left, right))


def _higher(level: np.ndarray) -> int:
    """How far from its beginning a level is higher than there; as far as it reaches, where it never is.

    >>> _higher(np.array([2.0, 1.0, 2.0, 3.0])), _higher(np.array([2.0, 1.0]))
    (3, 1)
    """
    size = 64
    while True:  # mostly near
        above = level[:size] > level[0]
        if above.any():
            return int(np.argmax(above))
        if size >= len(level):
            return len(level) - 1
        size *= 4


def _pauses(voice: Voice) -> list[tuple[int, int]]:
    """Runs of near silence that separate phrases."""
    level = _smooth(voice.level_db, 2.0)
    floor = np.percentile(level, 5)
    quiet = level < max(np.percentile(level, 99) - 38, min(floor + 8, np.percentile(level, 99) - 25))
    return [(a, b) for a, b in runs(quiet) if (b - a) * HOP_S >= PAUSE_S]


def _borders(level: np.ndarray, peaks: np.ndarray, pauses: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """First and last frame of each syllable: the deepest valley between peaks, or the edges of a pause."""
    lefts, rights = [], []
    starts, stops = [p for p, _ in pauses], [q for _, q in pauses]
    margin = 6  # frames of a pause that belong to the consonants beside it
    for before, after in zip([None, *peaks], [*peaks, None], strict=True):
        a = 0 if before is None else int(before)
        b = len(level) if after is None else int(after)
        between = pauses[bisect_left(starts, a) : bisect_right(stops, b)]
        valley = a + int(np.argmin(level[a:b]))
        if before is not None:
            end = between[0][0] + margin if between else valley if after is not None else b
            rights.append(min(end, a + 120))
        if after is not None:
            start = between[-1][1] - margin if between else valley if before is not None else a
            lefts.append(max(start, b - 80))
    return lefts, rights


def _syllable(level: np.ndarray, voice: Voice, peak: int, left: int, right: int, phrase: int) -> Syllable:
    # the vowel: voiced frames around the peak until the level has fallen by 8 dB
    inside = voice.voiced & (level > level[peak] - 8)
    start = stop = peak
    while start > left and inside[start - 1]:
        start -= 1
    while stop < right and inside[stop]:
        stop += 1
    stop = max(stop, min(start + 4, right))
    strong = voice.strong[start:stop]
    f0 = voice.f0_hz[start:stop][strong]
    pitch = 12 * np.log2(np.median(f0) / voice.median_hz) if len(f0) and voice.median_hz else 0.0
    stress = level[peak] + 10 * np.log10(stop - start) + 0.7 * pitch
    return Syllable(
        start_s=left * HOP_S,
        vowel_s=start * HOP_S,
        nucleus_s=peak * HOP_S,
        tail_s=stop * HOP_S,
        end_s=right * HOP_S,
        phrase=phrase,
        stress=float(stress),
        pitch_semitones=float(pitch),
    )


def split_lyrics(text: str) -> list[str]:
    """Split words into syllables by their letters (groups of vowels; a silent final e joins its syllable).

    Args:
        text: words in a language with an alphabetic script; anything else counts one syllable per letter group.

    Returns:
        Syllables in order; the last of each word ends with a space.

    >>> split_lyrics("Singing is a love, little one")
    ['Sin', 'ging ', 'is ', 'a ', 'love ', 'lit', 'tle ', 'one ']
    """
    result: list[str] = []
    for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text):
        parts = _split_word(word)
        result += [*parts[:-1], parts[-1] + " "]
    return result


_VOWELS = "aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýÿаеёиоуыэюяіїєαεηιουωάέήίόύώ"


def _split_word(word: str) -> list[str]:
    lower = word.lower()
    groups = [m.span() for m in re.finditer(f"[{_VOWELS}]+", lower)]
    if len(groups) > 1 and lower.endswith(("e", "es", "ed")) and groups[-1][1] - groups[-1][0] == 1:
        silent_ending = {"e": r"[^l]e$|[" + _VOWELS + r"]le$", "s": r"[^sxzchg]es$", "d": r"[^td]ed$"}[lower[-1]]
        if re.search(silent_ending, lower):
            groups.pop()
    if groups and lower[0] == "y" and groups[0] == (0, 1) and len(groups) > 1:
        groups.pop(0)
    parts, start = [], 0
    for (_, end), (following, _) in pairwise(groups):
        cut = end + (following - end) // 2  # one consonant goes with the next vowel, two are shared
        parts.append(word[start:cut])
        start = cut
    return [*parts, word[start:]]
