"""Chains as text: parsed by the shell's own parser, and checked whole before anything runs."""

from __future__ import annotations

import os

from audiokit.engine.chain import FIELDS, Chain, Step, fitting
from audiokit.engine.remote import is_remote
from audiokit.engine.stage import Stage
from audiokit.engine.talk import meant
from audiokit.engine.words import Word, misplaced, words_of
from audiokit.errors import AudiokitError, InputError, UsageError


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
    steps = tuple(_step(text, words, first=number == 0) for number, words in enumerate(stages))
    return fitting(Chain(steps), text, [words[0] for words in stages])


def _step(text: str, words: list[Word], *, first: bool) -> Step:
    from audiokit.engine.shell import parse_words
    from audiokit.engine.table import find, stage_names

    name, rest = words[0], words[1:]
    if name.text == "tee":
        from audiokit.engine.tee import Tee, tee

        if len(rest) != 1:
            hint = "such as: split --stem vocals | tee raw.wav | denoise"
            raise misplaced(text, name.start, words[-1].stop, "tee takes one FILE", hint)
        return Tee(tee, others=(rest[0].text,))
    found = find(name.text)
    if not isinstance(found, Stage):
        near = meant(name.text, stage_names())
        reason = f"{name.text} is no stage" if found is None else f"{name.text} is a command, but no stage of a chain"
        hint = f"did you mean {near}?" if near else f"stages: {', '.join(stage_names())}"
        raise misplaced(text, name.start, name.stop, reason, hint)
    try:
        options, others = parse_words(found, [word.text for word in rest])
        step = Step(found, options, tuple(others))
        step.check(first=first)
        _check_files(step)
    except AudiokitError as error:
        start, stop = _blamed(str(error), rest) or (name.start, words[-1].stop)
        raise misplaced(text, start, stop, f"{name.text}: {error}", error.hint, kind=type(error)) from None
    return step


def _check_files(step: Step) -> None:
    """Refuse files that are not there, unless their names are made per input."""
    for path in step.named():
        if path == "-":
            raise UsageError("- is what flows: it cannot be read for something else too")
        if any(field in path for field in FIELDS) or is_remote(path):
            continue
        if not os.path.exists(path):
            raise InputError(
                f"{path}: no such file", hint="names may hold {stem}, {part}, {ext}, {parent} and {suffix}"
            )


def _blamed(message: str, words: list[Word]) -> tuple[int, int] | None:
    """The word that an error is about: the last that it names."""
    for number in reversed(range(len(words))):
        word = words[number]
        if word.text.startswith("-") and word.text.partition("=")[0] in message:
            value = words[number + 1] if number + 1 < len(words) else word
            return word.start, value.stop if value.text in message else word.stop
    return next(((word.start, word.stop) for word in words if word.text in message), None)
