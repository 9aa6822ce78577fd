"""What a look at a file finds, before libsndfile reads it."""

from __future__ import annotations

from dataclasses import dataclass

FOLLOWS = "the stream is followed by another, which is not read"


@dataclass(frozen=True)
class Look:
    """What a header says about its samples, beside what is there.

    Attributes:
        promised: bytes of samples that the header promises; None where it leaves that open or says nothing of use.
        there: bytes that lie there.
        frame_bytes: bytes of one sample of all channels, or of a packet; 0 where the promise is none to rely on.
        fault: what is wrong with the header, in words; "" if nothing is.
        head: the beginning of the file put right; b"" where libsndfile needs no help.
        rest: where the file goes on after `head`.
        slack: samples that a whole file may lack of the number its header gives; 0 where it gives none to rely on, or
            every sample is counted anyway.
        open: the format allows to leave the length open, so on a pipe this is no fault.
    """

    promised: int | None
    there: int
    frame_bytes: int = 0
    fault: str = ""
    head: bytes = b""
    rest: int = 0
    open: bool = False
    slack: int = 0
