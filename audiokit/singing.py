"""Speech over a backing becomes a sung vocal: the function behind `audiokit.sing`.

The default engine decides everything in a plan (what is sung when and how high) and sings it with WORLD. The other
engine is the VocalCycleGAN, which maps mel columns without a plan; "both" lets it refine what the first one sang.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audiokit.dsp.voice.plan import Music, Plan, SungNote, even_music, repeat_music
from audiokit.errors import InputError, ParameterError

if TYPE_CHECKING:
    from audiokit.dsp.voice.world import Voice

ENGINES = ("world", "gan", "both")
FITS = ("phrase", "trim", "loop")
HARMONIES = ("third", "fifth", "octave")
QUALITIES = ("fast", "best")
#: The published app's mix: 0.7 of the vocal and 0.5 of the backing.
REFERENCE_GAINS = (0.7, 0.5)


@dataclass(frozen=True)
class SingOptions:
    """How a vocal is made.

    Attributes:
        engine: "world" (default), "gan" or "both".
        scale: scale of composed melodies on the backing's tonic; "auto" is the key's.
        range: "auto", or lowest and highest note such as "48-60" or "C3-C4".
        transpose: semitones added to every note.
        bpm, key: of the backing, where they are known.
        start_s: earliest time of the first note.
        fit: what happens when speech and backing differ in length: "phrase" sings the whole phrases that fit,
            "trim" stops at the end of the backing, "loop" repeats the shorter of the two.
        pitch_correction: 0 the speaker's own intonation, 1 the melody.
        vibrato_cents, portamento, formant_db, breath, evenness: see `audiokit.dsp.voice.singing.Expression`.
        harmony: added voices: "third", "fifth", "octave".
        balance: loudness of the vocal over the backing in LU, or "reference" for the published gains.
        quality: "best" tracks pitch with Harvest and iterates longer; "fast" with DIO.
        model: of the gan engine: name or folder.
        device: where the network runs.
        seed: of fluctuations, and of the melody (0 gives the plainest one).
    """

    engine: str = "world"
    scale: str = "auto"
    range: str = "auto"
    transpose: float = 0.0
    bpm: float | None = None
    key: str | None = None
    start_s: float = 0.0
    fit: str = "phrase"
    pitch_correction: float = 1.0
    vibrato_cents: float = 35.0
    portamento: float = 1.0
    formant_db: float = 4.0
    breath: float = 0.5
    evenness: float = 0.6
    harmony: tuple[str, ...] = ()
    balance: str = "1"
    quality: str = "fast"
    model: str | None = None
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("engine", self.engine, ENGINES),
            ("fit", self.fit, FITS),
            ("quality", self.quality, QUALITIES),
            *(("harmony", voice, HARMONIES) for voice in self.harmony),
        ):
            if value not in known:
                raise ParameterError(f"--{name} {value!r} is unknown", hint=f"choose one of {', '.join(known)}")
        if not 0 <= self.pitch_correction <= 1:
            raise ParameterError(f"--pitch-correction {self.pitch_correction:g} is outside 0..1")
        if self.start_s < 0 or abs(self.transpose) > 48:
            raise ParameterError("--start must not be negative, and --transpose stays within 48 semitones")
        if self.bpm is not None and not 20 <= self.bpm <= 400:
            raise ParameterError(f"--bpm {self.bpm:g} is outside 20 to 400")
        self.balance_lu  # noqa: B018 - checks it
        if self.range != "auto":
            read_range(self.range)

    @property
    def balance_lu(self) -> float | None:
        """Loudness over the backing in LU; None for the published gains."""
        if self.balance == "reference":
            return None
        try:
            value = float(self.balance)
        except ValueError:
            value = float("nan")
        if not -40 <= value <= 40:
            raise ParameterError(f"--balance {self.balance!r} is neither LU nor 'reference'", hint="such as 1 or -2.5")
        return value


@dataclass
class Sung:
    """A vocal and how it came about.

    Attributes:
        vocal: audio (1, T), float32, at the backing's rate and of its length (longer with fit "loop").
        rate: of the vocal and the mix.
        backing: the backing (C, T) as long as the vocal.
        plan: what was sung; None for the engine "gan".
        warnings: what the user should know.
        mix_gain: factor on backing plus vocal that the published gains ask for, otherwise 1.
    """

    vocal: np.ndarray
    rate: int
    backing: np.ndarray
    plan: Plan | None
    warnings: list[str] = field(default_factory=list)
    mix_gain: float = 1.0

    def mix(self) -> np.ndarray:
        """Vocal and backing together (C, T), turned down as a whole if the sum exceeds full scale."""
        together = (self.backing + self.vocal) * np.float32(self.mix_gain)
        peak = float(np.abs(together).max(initial=0.0))
        return together * np.float32(0.99 / peak) if peak > 0.99 else together


def sing(
    speech: np.ndarray,
    rate: int,
    backing: np.ndarray,
    backing_rate: int,
    *,
    lyrics: str = "",
    melody: Any = None,
    guide: tuple[np.ndarray, int] | None = None,
    plan: Any = None,
    **options: Any,
) -> Sung:
    """Turn speech into a sung vocal that fits a backing.

    Args:
        speech: audio (C, T), float32.
        rate: its sample rate in Hz.
        backing: audio (C, T), float32.
        backing_rate: its sample rate in Hz.
        lyrics: what is said, if it is known.
        melody: an `audiokit.io.midi.Score` to sing instead of a composed melody.
        guide: a hummed melody (audio (C, T), rate) to sing instead.
        plan: a Plan, or a path of one (.json, .mid), to sing as it is.
        **options: fields of SingOptions.

    Returns:
        The vocal, its plan and the backing.

    Raises:
        InputError: the speech holds no voice.
        ParameterError: an option is out of range.

    >>> sing(np.zeros((1, 16000), np.float32), 16000, np.zeros((1, 32000), np.float32), 16000)
    Traceback (most recent call last):
    audiokit.errors.InputError: no voiced speech found
    """
    how = SingOptions(**options)
    if how.engine == "gan":
        from audiokit.singing_network import sing_with_network

        return _balance(sing_with_network(speech, rate, backing, backing_rate, how), how)
    sung = _sing_with_world(speech, rate, backing, backing_rate, how, lyrics, melody, guide, plan)
    if how.engine == "both":
        from audiokit.singing_network import refine

        sung = refine(sung, how)
    return _balance(sung, how)


def _sing_with_world(
    speech: np.ndarray,
    rate: int,
    backing: np.ndarray,
    backing_rate: int,
    how: SingOptions,
    lyrics: str,
    melody: Any,
    guide: tuple[np.ndarray, int] | None,
    plan: Any,
) -> Sung:
    from audiokit.dsp.voice.backing import hear_music
    from audiokit.dsp.voice.singing import Expression, harmonise, sing_plan
    from audiokit.dsp.voice.syllables import find_syllables
    from audiokit.dsp.voice.world import analyse_voice

    mono, rate = one_voice(speech, rate)
    voice = analyse_voice(mono, rate, quality=how.quality)
    syllables = find_syllables(voice, lyrics=lyrics)
    if not syllables or voice.strong.sum() < 10:
        raise InputError("no voiced speech found", hint="give a recording of someone speaking, without music")
    own_music = isinstance(plan, Plan) or str(plan).lower().endswith(".json")
    music = even_music(1.0) if own_music else hear_music(backing, backing_rate, bpm=how.bpm, key=how.key)
    if plan is not None:
        chosen = plan if isinstance(plan, Plan) else _read_plan(plan, syllables, music)
        music = chosen.music
        if max((s.end_s for s in chosen.syllables), default=0.0) > len(mono) / rate + 0.05:
            raise ParameterError(
                "the plan's syllables lie beyond the speech", hint="is it a plan for another recording?"
            )
    else:
        if how.fit == "loop":
            music, backing = _long_enough(syllables, music, backing, backing_rate, how)
        chosen = _make_plan(voice, syllables, music, how, melody, guide)
    expression = Expression(
        pitch_correction=how.pitch_correction,
        portamento=how.portamento,
        vibrato_cents=how.vibrato_cents,
        formant_db=how.formant_db,
        breath=how.breath,
        evenness=how.evenness,
    )
    length_s = backing.shape[1] / backing_rate
    rng = np.random.default_rng(how.seed)
    arguments: dict[str, Any] = {"length_s": length_s, "expression": expression, "speech": mono, "rng": rng}
    y = sing_plan(voice, chosen, **arguments)
    for interval in how.harmony:
        second = replace_notes(chosen, harmonise(chosen.notes, music, interval, scale=how.scale))
        y += 0.45 * _later(sing_plan(voice, second, **{**arguments, "speech": None}), round(0.012 * rate))
    vocal = resample(y[None], rate, backing_rate, backing.shape[1])
    return Sung(vocal, backing_rate, backing, chosen, [*music.notes, *chosen.warnings])


def replace_notes(plan: Plan, notes: list[SungNote]) -> Plan:
    """Give a plan other notes."""
    return Plan(notes, plan.syllables, plan.music, plan.warnings)


def _read_plan(path: Any, syllables: Any, music: Music) -> Plan:
    from audiokit.io.plan import read_plan

    return read_plan(path, syllables=syllables, music=music)


def _make_plan(
    voice: Voice, syllables: Any, music: Music, how: SingOptions, melody: Any, guide: tuple[np.ndarray, int] | None
) -> Plan:
    from audiokit.dsp.voice.melody import compose, voice_range
    from audiokit.dsp.voice.plan import check_notes
    from audiokit.dsp.voice.rhythm import set_rhythm

    low, high = voice_range(voice.median_hz) if how.range == "auto" else read_range(how.range)
    if melody is not None or guide is not None:
        notes, warnings = _given_melody(syllables, music, how, melody, guide, low, high)
    else:
        notes, warnings = set_rhythm(syllables, music, start_s=how.start_s, fit=how.fit)
        rng = np.random.default_rng([how.seed, 1]) if how.seed else None
        notes = compose(notes, syllables, music, low=low, high=high, scale=how.scale, rng=rng)
    if not notes:
        raise InputError(
            "the backing is too short for a single phrase of the speech", hint="add --fit trim, or use a longer backing"
        )
    notes = [replace(note, pitch=note.pitch + how.transpose) for note in notes]
    return Plan(check_notes(notes, len(syllables)), syllables, music, warnings)


def _given_melody(
    syllables: Any, music: Music, how: SingOptions, melody: Any, guide: Any, low: float, high: float
) -> tuple[list[SungNote], list[str]]:
    """Notes of a MIDI melody or a hummed guide, in the speaker's octave, with a syllable each."""
    from audiokit.dsp.voice.guide import hear_melody, snap
    from audiokit.dsp.voice.melody import fit_octave
    from audiokit.dsp.voice.world import analyse_voice
    from audiokit.io.midi import Note, Score
    from audiokit.io.plan import score_to_notes

    warnings = []
    if guide is not None:
        hum, rate = one_voice(*guide)
        heard = snap(hear_melody(analyse_voice(hum, rate, quality=how.quality)), music)
        if not heard:
            raise InputError("no melody heard in the guide", hint="hum or sing one voice without music")
        score = Score([Note(n.start_s, n.end_s, int(n.pitch)) for n in heard])
    else:
        score = _on_the_beat(melody, music)
    notes = score_to_notes(score, count=len(syllables), name="the melody", fit=how.fit)
    notes = [n for n in notes if how.start_s <= n.start_s < music.end_s - 0.1]
    if not notes:
        raise InputError("no note of the melody lies within the backing", hint="check its tempo, or --start")
    notes = [replace(n, end_s=min(n.end_s, music.end_s)) for n in notes]
    left = len(score.notes) - len(notes)
    if left > 0 and how.fit != "loop":
        warnings.append(f"{left} notes of the melody have no syllable and are not sung (--fit loop repeats the speech)")
    unsung = len(syllables) - len({n.syllable for n in notes})
    if unsung > 0:
        warnings.append(f"{unsung} of {len(syllables)} syllables have no note and are not sung")
    shift = fit_octave([n.pitch for n in notes], low, high)
    scale = set(music.scale(how.scale))
    inside = np.mean([round(n.pitch + how.transpose) % 12 in scale for n in notes])
    if inside < 0.8:
        warnings.append(f"only {inside:.0%} of the melody lies in {music.key_name} (--transpose moves it)")
    return [replace(n, pitch=n.pitch + shift) for n in notes], warnings


def _on_the_beat(score: Any, music: Music) -> Any:
    """Keep the seconds of a melody whose tempo is the backing's; lay any other on the beats from the first downbeat."""
    from audiokit.io.midi import Score

    tempo = score.tempos[0][1]
    if abs(tempo / music.bpm - 1) < 0.02:
        return score
    down = np.flatnonzero(music.downbeats)
    first = int(down[0]) if len(down) else 0
    times = np.array([t for t, _ in score.tempos])
    beats = np.concatenate(([0.0], np.cumsum(np.diff(times) * np.array([b for _, b in score.tempos[:-1]]) / 60)))

    def place(seconds: float) -> float:
        i = int(np.searchsorted(times, seconds + 1e-9)) - 1
        return float(music.time_of(first + beats[i] + (seconds - times[i]) * score.tempos[i][1] / 60))

    notes = [replace(n, start_s=max(place(n.start_s), 0.0), end_s=place(n.end_s)) for n in score.notes]
    lyrics = [(max(place(t), 0.0), text) for t, text in score.lyrics]
    return Score([n for n in notes if n.end_s > n.start_s], lyrics=lyrics, names=score.names)


def _long_enough(
    syllables: Any, music: Music, backing: np.ndarray, rate: int, how: SingOptions
) -> tuple[Music, np.ndarray]:
    """Repeat the backing, from its first downbeat to its last, until the whole speech fits."""
    from audiokit.dsp.voice.rhythm import set_rhythm

    needed = sum(s.end_s - s.start_s for s in syllables) * 4 + music.end_s
    tiled = repeat_music(music, needed)
    if tiled is None:
        return music, backing
    notes, _ = set_rhythm(syllables, tiled, start_s=how.start_s, fit="phrase")
    end_s = max((n.end_s for n in notes), default=0.0) + 1.0
    if end_s <= music.end_s:
        return music, backing
    down = np.flatnonzero(music.downbeats)
    a, b = (round(float(music.beats_s[i]) * rate) for i in (down[0], down[-1]))
    fade = min(round(0.02 * rate), a, b - a) if a else 0
    parts, total = [backing[:, :b].copy()], b
    while total < end_s * rate:
        piece = backing[:, a:b].copy()
        if fade:  # what led to the first downbeat blends into it
            ramp = np.linspace(0, 1, fade, dtype=np.float32)
            parts[-1][:, -fade:] = parts[-1][:, -fade:] * (1 - ramp) + backing[:, a - fade : a] * ramp
        parts.append(piece)
        total += piece.shape[1]
    size = round(end_s * rate)
    longer = np.concatenate(parts, axis=1)[:, :size]
    return replace(repeat_music(music, end_s) or music, end_s=longer.shape[1] / rate), longer


def read_range(text: str) -> tuple[float, float]:
    """Read a range of notes such as "C3-C4" or "48-60" (60 is C4).

    Raises:
        ParameterError: it is no range, or narrower than a fifth.

    >>> read_range("C3-Bb3"), read_range("48-60")
    ((48.0, 58.0), (48.0, 60.0))
    """
    from audiokit.dsp.notes.names import parse_pitch

    parts = re.fullmatch(r"\s*(\d+|[A-Ga-g][#b]?-?\d)\s*-\s*(\d+|[A-Ga-g][#b]?-?\d)\s*", text)
    if not parts:
        raise ParameterError(f"--range {text!r} is no range of notes", hint="write auto, or for example C3-C4 or 48-60")
    ends = [float(parse_pitch(part)) for part in parts.groups()]
    if not 24 <= ends[0] <= ends[1] - 5 <= 91:
        raise ParameterError(f"--range {text!r} is narrower than five semitones or outside 24 to 96")
    return ends[0], ends[1]


def one_voice(y: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Fold to mono (T,) and bring to a rate that WORLD accepts; the level is evened so that thresholds hold."""
    from audiokit.dsp.voice.world import MAX_RATE, MIN_RATE

    mono = np.atleast_2d(y).mean(axis=0, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise InputError("the speech holds NaN or infinity")
    target = min(max(rate, MIN_RATE), MAX_RATE)
    if rate > MAX_RATE:
        target = 44_100 if rate % 44_100 == 0 else MAX_RATE
    mono = resample(mono[None], rate, target, None)[0]
    peak = float(np.abs(mono).max(initial=0.0))
    if peak < 1e-5 or len(mono) < target // 5:
        raise InputError("no voiced speech found", hint="the recording is silent or shorter than a fifth of a second")
    return (mono * np.float32(0.5 / peak)).astype(np.float32), target


def resample(y: np.ndarray, rate: int, target: int, length: int | None) -> np.ndarray:
    """Bring audio (C, T) to another rate, and to a length if one is given."""
    if rate != target:
        import soxr

        y = np.ascontiguousarray(soxr.resample(y.T, rate, target, quality="HQ").T.astype(np.float32))
    if length is None:
        return y
    return np.ascontiguousarray(np.pad(y[:, :length], ((0, 0), (0, max(0, length - y.shape[1])))))


def _later(y: np.ndarray, samples: int) -> np.ndarray:
    return np.concatenate([np.zeros(samples, np.float32), y[: len(y) - samples]])


def _balance(sung: Sung, how: SingOptions) -> Sung:
    """Set the vocal's loudness against the backing where it sings."""
    from audiokit.dsp.voice.vocal_mel import level_gain

    vocal, mix_gain = sung.vocal, 1.0
    if how.balance_lu is None:
        peak = float(np.abs(vocal).max(initial=0.0))
        gain = REFERENCE_GAINS[0] / REFERENCE_GAINS[1] / max(peak, 1e-9) if peak > 1 else 1.4
        if how.engine == "world" and 0 < peak <= 1:
            gain = 1.4 / peak  # the published vocals came out near full scale
        mix_gain = REFERENCE_GAINS[1]
    else:
        active = _active(vocal[0], sung.rate)
        wanted = _loudness(sung.backing[:, active], sung.rate)
        own = _loudness(vocal[:, active], sung.rate, dual_mono=sung.backing.shape[0] > 1)
        heard = wanted is not None and own is not None
        gain = 10 ** ((wanted + how.balance_lu - own) / 20) if heard else level_gain(vocal[0])  # type: ignore[operator]
    vocal = vocal * np.float32(gain)
    warnings = sung.warnings
    if how.balance_lu is not None and float(np.abs(vocal).max(initial=0.0)) > 0.89:
        from audiokit.dsp.loudness.limiter import Limiter

        limiter = Limiter(sung.rate, 1, ceiling_dbtp=-1.0)
        vocal = np.concatenate([limiter.process(vocal), limiter.flush()], axis=1)
        if limiter.reduction_db >= 3:
            said = f"the vocal's peaks were limited by up to {limiter.reduction_db:.1f} dB to stand up to the backing"
            warnings = [*warnings, said + " (a lower --balance needs less)"]
    return replace(sung, vocal=vocal, mix_gain=mix_gain, warnings=warnings)


def _active(y: np.ndarray, rate: int) -> np.ndarray:
    """Samples in or near sound."""
    size = max(1, rate // 10)
    blocks = np.abs(y[: len(y) // size * size]).reshape(-1, size).max(axis=1)
    loud = np.repeat(blocks > 0.01 * blocks.max(initial=0.0), size)
    mask = np.zeros(len(y), bool)
    mask[: len(loud)] = loud
    return mask


def _loudness(y: np.ndarray, rate: int, *, dual_mono: bool = False) -> float | None:
    """Loudness in LUFS, None for silence or less than half a second."""
    from audiokit.dsp.loudness.loudness import measure

    if y.shape[1] < rate // 2:
        return None
    value = measure(y, rate, dual_mono=dual_mono).integrated_lufs
    return value if np.isfinite(value) else None
