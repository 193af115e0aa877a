"""The messages between the web process and the process that opens pictures.

Each message is a frame of scanning.child_process. The web process sends Setup once, then requests; the other answers
Hello once, then Found or Refused to each Read, and Photo or Refused to each Shrink.
"""

from typing import Literal

import msgspec

from scanning.pictures.decode import Symbol
from scanning.pictures.header import Limits
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported, Problem

LONGEST_ANSWER = 2**20  # bytes; the web process accepts no more

Reason = Literal["too_large", "unsupported", "unreadable"]

_REASONS: dict[Reason, type[Problem]] = {
    "too_large": PictureTooLarge,
    "unsupported": PictureUnsupported,
    "unreadable": PictureUnreadable,
}


class Setup(msgspec.Struct, frozen=True):
    """The limits under which a process opens pictures."""

    limits: Limits
    memory_bytes: int  # of address space; 0 for no limit
    niceness: int = 0


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The process is ready."""

    engines: list[str]


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read the codes of a picture."""

    picture: bytes
    seconds: float  # no new attempt starts after this time


class Shrink(msgspec.Struct, frozen=True, tag=True):
    """Clean a picture for storage."""

    picture: bytes
    seconds: float


class Found(msgspec.Struct, frozen=True, tag=True):
    """The codes of a picture."""

    symbols: list[Symbol]
    cpu_seconds: float


class Photo(msgspec.Struct, frozen=True, tag=True):
    """A picture that was cleaned for storage."""

    jpeg: bytes
    cpu_seconds: float


class Refused(msgspec.Struct, frozen=True, tag=True):
    """A picture that was not read."""

    reason: Reason
    text: str
    cpu_seconds: float

    def problem(self) -> Problem:
        """The refusal as an exception."""
        return _REASONS[self.reason](self.text)


Request = Read | Shrink
Answer = Found | Photo | Refused


def refusal(problem: Problem, cpu_seconds: float) -> Refused:
    """Put a picture's problem into a message."""
    for reason, kind in _REASONS.items():
        if isinstance(problem, kind):
            return Refused(reason, str(problem), cpu_seconds)
    return Refused("unreadable", str(problem), cpu_seconds)
