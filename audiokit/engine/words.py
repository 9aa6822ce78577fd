"""The text of a chain, cut into stages of words as the shell would cut it; and errors that point into it."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.errors import AudiokitError, UsageError


@dataclass(frozen=True)
class Word:
    """One word of a chain, and where it stands."""

    text: str
    start: int
    stop: int


def words_of(text: str) -> list[list[Word]]:
    """Cut a chain into stages of words, with the shell's quotes, backslashes and comments.

    Raises:
        UsageError: a quote that is not closed, or nothing between two bars.

    >>> [[word.text for word in stage] for stage in words_of("split --stem 'lead vox' | denoise  # gently")]
    [['split', '--stem', 'lead vox'], ['denoise']]
    """
    stages: list[list[Word]] = [[]]
    at = 0
    while at < len(text):
        sign = text[at]
        if sign.isspace():
            at += 1
        elif sign == "#":
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif sign == "|":
            if not stages[-1]:
                raise misplaced(text, at, at + 1, "there is no stage before this bar")
            stages.append([])
            at += 1
        else:
            word, at = _word(text, at)
            stages[-1].append(word)
    if not stages[-1]:
        at = max(text.rfind("|"), 0)
        raise misplaced(text, at, at + 1, "there is no stage after this bar" if "|" in text else "the chain is empty")
    return stages


def _word(text: str, start: int) -> tuple[Word, int]:
    made, at, quote = [], start, ""
    while at < len(text):
        sign = text[at]
        if quote:
            if sign == quote:
                quote = ""
            elif sign == "\\" and quote == '"' and text[at + 1 : at + 2] in ('"', "\\"):
                at += 1
                made.append(text[at])
            else:
                made.append(sign)
        elif sign in "'\"":
            quote, opened = sign, at
        elif sign == "\\" and at + 1 < len(text):
            at += 1
            made.append("" if text[at] == "\n" else text[at])
        elif sign.isspace() or sign == "|":
            break
        else:
            made.append(sign)
        at += 1
    if quote:
        raise misplaced(text, opened, opened + 1, "this quote is not closed")
    return Word("".join(made), start, at), at


def misplaced(
    text: str, start: int, stop: int, reason: str, hint: str | None = None, *, kind: type[AudiokitError] = UsageError
) -> AudiokitError:
    """An error that shows its place: the line of the chain, and marks under it."""
    begin = text.rfind("\n", 0, start) + 1
    end = text.find("\n", start)
    line = text[begin : end if end >= 0 else len(text)]
    marks = " " * (start - begin) + "^" * max(1, min(stop, begin + len(line)) - start)
    return kind(reason, hint=hint, lines=(line, marks))
