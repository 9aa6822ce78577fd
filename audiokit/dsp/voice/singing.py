"""Sing a plan with a speaker's voice: vowels stretched to the notes, pitch drawn as singers draw it, formants kept.

References:
    Saitou, Goto, Unoki and Akagi (2007), Speech-to-singing synthesis: the four movements of a singer's pitch
    (overshoot, vibrato, preparation, fine fluctuation) and the singing formant.
    Moulines and Charpentier (1990), TD-PSOLA; Morise, Yokomori and Ozawa (2016), WORLD.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from audiokit.dsp.spectrum.samples import Wave, placed
from audiokit.dsp.voice.intonation import Expression, Timing, draw_pitch
from audiokit.dsp.voice.periods import Recording, respace
from audiokit.dsp.voice.plan import Plan, SungNote
from audiokit.dsp.voice.syllables import Syllable, sonority_db
from audiokit.dsp.voice.world import HOP_S, Voice, runs, synthesise_voice

#: Longest stretch of a vowel's silence-to-consonant lead-in that is kept before a note.
LEAD_S = 0.30
#: Semitones from the spoken pitch within which the speech's own periods are sung; they would gap or blur beyond.
OWN_PERIODS = (-7.0, 9.0)
#: How readily all else than steady vowels stretches, 0..1, half as much without voice. Were it not to stretch at all, a
#: few frames would take everything: of 436 words sung .73 are recognised so, .77 with this, .75 if all stretches alike.
ELASTIC = 0.15
#: Fade at the end of a phrase: speech ends by itself, only its last frame is cut.
RELEASE_S = 0.02


def sing_plan(
    voice: Voice,
    plan: Plan,
    *,
    length_s: float,
    expression: Expression | None = None,
    speech: Wave | None = None,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Sing a plan, phrase by phrase.

    Args:
        voice: the analysed speech.
        plan: notes and syllables.
        length_s: length of the result in seconds.
        expression: how to sing.
        speech: the speech itself (T,) at `voice.rate`: when given, phrases are sung with its own periods and
            consonants, unless they lie too far from the pitch it was spoken on.
        rng: for the fluctuations of pitch.

    Returns:
        Blocks (n,), float32, at `voice.rate`, that follow each other.
    """
    how = expression or Expression()
    timing = map_time(voice, plan.notes, plan.syllables, length_s)
    contour = draw_pitch(voice, plan.notes, timing, expression=how, rng=rng)
    levels = _level_gain(voice, plan.notes, plan.syllables, timing, how.evenness)
    recording = None if speech is None else Recording.of(speech, voice, _bridge(voice.voiced))

    def phrases() -> Iterator[tuple[int, np.ndarray]]:
        for start, stop in runs(timing.note >= 0):
            if recording is not None and _is_near(voice, timing, contour, start, stop):
                piece = _resing(recording, voice, timing, contour, levels, how, start, stop)
            else:
                piece = _render(voice, timing, contour, levels, how, start, stop)
                if speech is not None:
                    _own_consonants(piece, voice, timing, levels, speech, start, stop)
            yield round(start * HOP_S * voice.rate), _edge_fades(piece, voice.rate)

    return placed(phrases(), round(length_s * voice.rate))


def map_time(voice: Voice, notes: Sequence[SungNote], syllables: Sequence[Syllable], length_s: float) -> Timing:
    """Map every output frame to the source frame it is sung from.

    Vowels begin with their notes. Between two vowels of running speech lies one stretch of source; its stable vowel
    frames take all the extra time, consonants and transitions keep their own. Where a note must be shorter than
    spoken, vowels give way before consonants do.

    Args:
        voice: the analysed speech.
        notes: in order.
        syllables: of the speech.
        length_s: length of the output.

    Returns:
        The map, M = length_s / HOP_S frames.
    """
    count = round(length_s / HOP_S)
    source = np.full(count, np.nan)
    owner = np.full(count, -1)
    gain = np.zeros(count)
    elastic = _elasticity(voice, syllables)
    sung = _units(notes)
    free = 0.0  # nothing is sung yet after this time
    for k, (first, last) in enumerate(sung):
        syllable = syllables[notes[first].syllable]
        onset, end = notes[first].start_s, notes[last].end_s
        following = notes[sung[k + 1][0]] if k + 1 < len(sung) else None
        if k == 0 or not _is_running(notes[first - 1], notes[first], syllables):
            lead = min(_lead_s(syllable), max(onset - free, 0.03))
            _fill(source, owner, gain, onset - lead, onset, syllable.vowel_s - lead, syllable.vowel_s, elastic, first)
        if following is not None and _is_running(notes[last], following, syllables):
            target = syllables[following.syllable].vowel_s
            free = following.start_s
            _fill(source, owner, gain, onset, free, syllable.vowel_s, target, elastic, first)
        else:
            latest = count * HOP_S
            if following is not None:
                lead = _lead_s(syllables[following.syllable])
                latest = following.start_s - min(lead, 0.5 * (following.start_s - onset)) - 0.01
            body, free = _ending(onset, end, latest, syllable.end_s - syllable.tail_s)
            coda = syllable.tail_s + min(1.25 * (free - body), syllable.end_s - syllable.tail_s)
            _fill(source, owner, gain, onset, body, syllable.vowel_s, syllable.tail_s, elastic, first)
            _fill(source, owner, gain, body, free, syllable.tail_s, coda, elastic, first)
            _release(gain, free, RELEASE_S)
        for note in range(first + 1, last + 1):
            at = round(notes[note].start_s / HOP_S)
            owner[at:][owner[at:] == first] = note
    return Timing(source, owner, gain)


def _lead_s(syllable: Syllable) -> float:
    """How long before its note a syllable begins, where nothing is sung before it."""
    return min(syllable.vowel_s - syllable.start_s, LEAD_S)


def _ending(onset_s: float, end_s: float, latest_s: float, coda_s: float) -> tuple[float, float]:
    """When the vowel of a note before a rest ends, and when the consonants after it do.

    They end with the note if they can, but leave the vowel most of it, and go on into the rest instead.

    >>> _ending(1.0, 2.0, 9.0, 0.25), _ending(1.0, 1.25, 9.0, 0.25), _ending(1.0, 1.25, 1.25, 0.25)
    ((1.75, 2.0), (1.15, 1.4), (1.1, 1.25))
    """
    body = max(end_s - coda_s, onset_s + 0.6 * (end_s - onset_s))
    stop = min(body + coda_s, max(latest_s, onset_s + 0.06))
    return min(body, max(stop - coda_s, onset_s + 0.4 * (stop - onset_s))), stop


def _units(notes: Sequence[SungNote]) -> list[tuple[int, int]]:
    """First and last note of each sung syllable: slurs are consecutive touching notes with the same one."""
    units: list[tuple[int, int]] = []
    for i, note in enumerate(notes):
        if i and note.syllable == notes[i - 1].syllable and note.start_s - notes[i - 1].end_s < 0.03:
            units[-1] = (units[-1][0], i)
        else:
            units.append((i, i))
    return units


def _is_running(note: SungNote, following: SungNote | None, syllables: Sequence[Syllable]) -> bool:
    """Tell whether the next note carries on the same stretch of speech without a rest."""
    if following is None or following.syllable != note.syllable + 1:
        return False
    a, b = syllables[note.syllable], syllables[following.syllable]
    between = b.vowel_s - a.tail_s
    return following.start_s - note.end_s < 0.12 and b.start_s - a.end_s < 0.02 and between < 0.6


def _fill(
    source: np.ndarray,
    owner: np.ndarray,
    gain: np.ndarray,
    start_s: float,
    stop_s: float,
    from_s: float,
    to_s: float,
    elastic: np.ndarray,
    note: int,
) -> None:
    """Spread the source from `from_s` to `to_s` over the output from `start_s` to `stop_s`."""
    a, b = max(0, round(start_s / HOP_S)), min(len(source), round(stop_s / HOP_S))
    if b <= a:
        return
    first, last = from_s / HOP_S, to_s / HOP_S
    if last - first < 1:
        source[a:b] = first
    else:
        edges = np.append(np.arange(first, last - 1e-9), last)
        middle = np.clip(np.round((edges[:-1] + edges[1:]) / 2).astype(int), 0, len(elastic) - 1)
        spans = _durations(np.diff(edges), elastic[middle], (stop_s - start_s) / HOP_S)
        clock = np.concatenate(([0.0], np.cumsum(spans)))
        source[a:b] = np.interp(np.arange(a, b) - start_s / HOP_S, clock, edges)
    owner[a:b] = note
    gain[a:b] = 1.0


def _durations(natural: np.ndarray, elastic: np.ndarray, total: float) -> np.ndarray:
    """Output length of each source frame: stretched only where elastic, shortened there first."""
    extra = total - natural.sum()
    weight = natural * elastic
    if extra >= 0:
        if weight.sum() < 2.0:  # nothing stable: the whole middle gives
            weight = natural * np.hanning(len(natural) + 2)[1:-1]
        return natural + extra * weight / max(weight.sum(), 1e-9)
    weight = natural * (0.35 + 0.65 * elastic)
    share = min(1.0, -extra / max(0.75 * weight.sum(), 1e-9))
    shortened = natural - 0.75 * share * weight
    return shortened * (total / shortened.sum())


def _elasticity(voice: Voice, syllables: Sequence[Syllable]) -> np.ndarray:
    """How readily each source frame stretches (N,), 0..1: strong, steady frames inside a vowel."""
    level = sonority_db(voice)
    steady = np.exp(-((voice.change / 0.5) ** 2))
    result = np.zeros(voice.frames)
    rest = np.where(voice.voiced, ELASTIC, 0.5 * ELASTIC)
    for syllable in syllables:
        a, b = round(syllable.vowel_s / HOP_S), min(round(syllable.tail_s / HOP_S), voice.frames)
        peak = level[min(round(syllable.nucleus_s / HOP_S), voice.frames - 1)]
        near = np.clip(1 - (peak - level[a:b]) / 8, 0, 1)
        taper = np.minimum(1, np.minimum(np.arange(b - a) + 1, np.arange(b - a, 0, -1)) / 6)
        result[a:b] = voice.strong[a:b] * steady[a:b] * near * taper**2
        rest[max(a - 5, 0) : a + 5] *= 0.2  # an attack that is stretched is heard late
    return rest + (1 - rest) * result


def _release(gain: np.ndarray, stop_s: float, seconds: float) -> None:
    stop = min(round(stop_s / HOP_S), len(gain))
    size = min(round(seconds / HOP_S), stop)
    gain[stop - size : stop] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(size) + 1) / size)


def _level_gain(
    voice: Voice, notes: Sequence[SungNote], syllables: Sequence[Syllable], timing: Timing, evenness: float
) -> np.ndarray:
    """Amplitude (M,) that evens out the levels of the vowels."""
    if not notes:
        return timing.gain
    loud = []
    for note in notes:
        syllable = syllables[note.syllable]
        a, b = round(syllable.vowel_s / HOP_S), round(syllable.tail_s / HOP_S)
        loud.append(float(np.percentile(voice.level_db[a : max(b, a + 1)], 75)))
    middle = float(np.median(loud))
    change = np.clip(evenness * (middle - np.array(loud)), -9, 9)
    at = np.array([note.start_s for note in notes]) / HOP_S + 8
    smooth = np.interp(np.arange(len(timing.gain)), at, change)
    return timing.gain * 10 ** (smooth / 20)


def _frames(
    voice: Voice, timing: Timing, contour: np.ndarray, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each frame of a phrase: its place in the speech, the frame nearest to it, and the pitch sung in Hz or 0."""
    place = np.clip(timing.source[start:stop], 0, voice.frames - 1)
    nearest = np.round(place).astype(int)
    f0 = np.where(_bridge(voice.voiced[nearest]), 440 * 2 ** ((contour[start:stop] - 69) / 12), 0.0)
    return place, nearest, f0


def _is_near(voice: Voice, timing: Timing, contour: np.ndarray, start: int, stop: int) -> bool:
    """Tell whether a phrase is sung near enough to its spoken pitch for its own periods to carry it."""
    nearest = _frames(voice, timing, contour, start, stop)[1]
    heard = voice.strong[nearest]
    if not heard.any():
        return True
    spoken = 69 + 12 * np.log2(np.maximum(voice.f0_hz[nearest], 1.0) / 440)
    low, high = OWN_PERIODS
    return bool(low <= np.median((contour[start:stop] - spoken)[heard]) <= high)


def _resing(
    recording: Recording,
    voice: Voice,
    timing: Timing,
    contour: np.ndarray,
    levels: np.ndarray,
    how: Expression,
    start: int,
    stop: int,
) -> np.ndarray:
    """Sing one phrase with the periods of the recording."""
    place, nearest, f0 = _frames(voice, timing, contour, start, stop)
    piece = respace(recording, voice, place=place, f0_hz=f0)
    frames = np.arange(len(piece)) / (HOP_S * voice.rate)
    if how.formant_db:
        spectrum = np.fft.rfft(piece)
        hump = _hump(np.fft.rfftfreq(len(piece), 1 / voice.rate), how.formant_db)
        ringing = np.convolve(voice.strong[nearest], np.hanning(7)[1:-1] / 3, "same")
        more = np.fft.irfft(spectrum * (10 ** (hump / 20) - 1), len(piece))
        piece = piece + np.interp(frames, np.arange(stop - start), ringing) * more
    return np.asarray(piece * np.interp(frames, np.arange(stop - start), levels[start:stop]), np.float32)


def _hump(hz: np.ndarray, formant_db: float) -> np.ndarray:
    """The singing formant in dB."""
    return np.asarray(formant_db * np.exp(-0.5 * (np.log2(np.maximum(hz, 1) / 3000) / 0.22) ** 2))


def _render(
    voice: Voice, timing: Timing, contour: np.ndarray, levels: np.ndarray, how: Expression, start: int, stop: int
) -> np.ndarray:
    """Synthesise one phrase with WORLD."""
    place, nearest, f0 = _frames(voice, timing, contour, start, stop)
    i = np.floor(place).astype(int)
    j = np.minimum(i + 1, voice.frames - 1)
    w = _within_kind(place - i, voice.voiced[i] == voice.voiced[j])[:, None].astype(np.float32)
    early, late = (np.log(voice.envelopes.take(frames) + 1e-16) for frames in (i, j))
    envelope = np.exp((1 - w) * early + w * late)
    bands, strong = voice.bands[nearest], voice.strong[nearest]
    if how.formant_db:
        hz = np.linspace(0, voice.rate / 2, envelope.shape[1])
        envelope[strong] *= 10 ** (_hump(hz, how.formant_db) / 10).astype(np.float32)
    envelope *= (levels[start:stop, None] ** 2).astype(np.float32)
    return synthesise_voice(f0, envelope, bands, voice.rate, breath=np.where(strong, how.breath, 1.0))


def _within_kind(share: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """Shares of the later of two frames, all or nothing where one is voiced and one is not: borders are not smeared.

    >>> _within_kind(np.array([0.3, 0.3, 0.6]), np.array([True, False, False]))
    array([0.3, 0. , 1. ])
    """
    return np.where(alike, share, np.round(share))


def _bridge(voiced: np.ndarray) -> np.ndarray:
    """Fill gaps of up to 20 ms inside voiced sound."""
    filled = voiced.copy()
    for start, stop in runs(~voiced):
        if start > 0 and stop < len(voiced) and (stop - start) * HOP_S <= 0.02:
            filled[start:stop] = True
    return filled


def _own_consonants(
    piece: np.ndarray,
    voice: Voice,
    timing: Timing,
    levels: np.ndarray,
    speech: Wave,
    start: int,
    stop: int,
) -> None:
    """Replace synthesised unvoiced consonants by the speaker's own, where they are not stretched."""
    place = np.clip(timing.source[start:stop], 0, voice.frames - 1)
    unvoiced = ~_bridge(voice.voiced[np.round(place).astype(int)])
    hop = HOP_S * voice.rate
    for a, b in runs(unvoiced):
        pace = (place[b - 1] - place[a]) / max(b - 1 - a, 1)
        if b - a < 4 or not 0.85 <= pace <= 1.15:
            continue
        low, high = round(a * hop), min(round(b * hop), len(piece))
        middle = (place[a] + place[b - 1]) / 2 * hop
        begin = round(middle - (high - low) / 2)
        if begin < 0 or begin + high - low > len(speech):
            continue
        size = high - low
        fade = min(round(0.008 * voice.rate), size // 2)
        weight = np.ones(size)
        ramp = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / fade) ** 2
        weight[:fade], weight[size - fade :] = ramp, ramp[::-1]
        loud = np.interp(np.arange(low, high) / hop, np.arange(stop - start), levels[start:stop])
        own = speech[begin : begin + size] * loud
        piece[low:high] = piece[low:high] * (1 - weight) + own * weight


def _edge_fades(piece: np.ndarray, rate: int) -> np.ndarray:
    size = min(round(0.006 * rate), len(piece) // 2)
    ramp = np.sin(0.5 * np.pi * (np.arange(size) + 0.5) / max(size, 1)) ** 2
    piece[:size] *= ramp
    piece[len(piece) - size :] *= ramp[::-1]
    return piece
