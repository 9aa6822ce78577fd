"""Chains as text: parsed by the shell's own parser, and checked whole before anything runs."""

from __future__ import annotations

from difflib import get_close_matches

from audiokit.engine.chain import Chain, Step, fitting
from audiokit.engine.stage import Stage
from audiokit.engine.words import Word, misplaced, words_of
from audiokit.errors import UsageError


def chain(text: str) -> Chain:
    """Parse a chain, and check it whole.

    Args:
        text: stages as in the shell, with | between.

    Raises:
        UsageError: an unknown stage or option, a wrong value, or stages that do not fit; the message shows the place.

    >>> chain("normalize --to -20  # softly").name
    'normalize'
    >>> chain("normalize --peak 3")
    Traceback (most recent call last):
    audiokit.errors.UsageError: normalize: invalid value for '--peak': 3.0 is not in the range -60<=x<=0
      normalize --peak 3
                ^^^^^^^^
    """
    stages = words_of(text)
    steps = tuple(_step(text, words) for words in stages)
    return fitting(Chain(steps), text, [words[0] for words in stages])


def _step(text: str, words: list[Word]) -> Step:
    from audiokit.engine.shell import parse_words
    from audiokit.engine.table import find, stage_names

    first, rest = words[0], words[1:]
    if first.text == "tee":
        from audiokit.engine.tee import Tee, tee

        if len(rest) != 1:
            hint = "such as: split --stem vocals | tee raw.wav | denoise"
            raise misplaced(text, first.start, words[-1].stop, "tee takes one FILE", hint)
        return Tee(tee, others=(rest[0].text,))
    found = find(first.text)
    if not isinstance(found, Stage):
        near = get_close_matches(first.text, stage_names(), 1)
        reason = f"{first.text} is no stage" if found is None else f"{first.text} is a command, but no stage of a chain"
        hint = f"did you mean {near[0]}?" if near else f"stages: {', '.join(stage_names())}"
        raise misplaced(text, first.start, first.stop, reason, hint)
    try:
        options, others = parse_words(found, [word.text for word in rest])
        found.bind(options)
        found.check_alone(options)
    except UsageError as error:
        start, stop = _blamed(str(error), rest) or (first.start, words[-1].stop)
        raise misplaced(text, start, stop, f"{first.text}: {error}", error.hint) from None
    return Step(found, options, tuple(others))


def _blamed(message: str, words: list[Word]) -> tuple[int, int] | None:
    """The word that an error is about: the last that it names."""
    for number in reversed(range(len(words))):
        word = words[number]
        if word.text.startswith("-") and word.text.partition("=")[0] in message:
            value = words[number + 1] if number + 1 < len(words) else word
            return word.start, value.stop if value.text in message else word.stop
    return next(((word.start, word.stop) for word in words if word.text in message), None)
