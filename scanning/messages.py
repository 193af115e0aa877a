"""What the web process and the process that opens pictures say to each other.

Each message is four bytes of length and a body. The web process sends Setup once, then requests; the other answers
Hello once, then Found or Refused to each Read, and Photo or Refused to each Shrink.
"""

from typing import Literal

import msgspec

from scanning.decode import Symbol
from scanning.header import Limits
from scanning.problem import PictureTooLarge, PictureUnreadable, PictureUnsupported, Problem

LENGTH_BYTES = 4
LONGEST_ANSWER = 2**20  # bytes; the web process believes no more

Reason = Literal["too_large", "unsupported", "unreadable"]

_REASONS: dict[Reason, type[Problem]] = {
    "too_large": PictureTooLarge,
    "unsupported": PictureUnsupported,
    "unreadable": PictureUnreadable,
}


class Setup(msgspec.Struct, frozen=True):
    """The limits under which a process opens pictures."""

    limits: Limits
    memory_bytes: int  # of address space; nought for no limit
    seconds: float  # a picture; after that no further attempt is begun


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The process is ready."""

    engines: list[str]


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read the codes of a picture."""

    picture: bytes


class Shrink(msgspec.Struct, frozen=True, tag=True):
    """Make a picture fit to be kept."""

    picture: bytes


class Found(msgspec.Struct, frozen=True, tag=True):
    """The codes of a picture."""

    symbols: list[Symbol]


class Photo(msgspec.Struct, frozen=True, tag=True):
    """A picture that is fit to be kept."""

    jpeg: bytes


class Refused(msgspec.Struct, frozen=True, tag=True):
    """A picture that was not read."""

    reason: Reason
    text: str

    def problem(self) -> Problem:
        """The exception that the picture deserves."""
        return _REASONS[self.reason](self.text)


Request = Read | Shrink
Answer = Found | Photo | Refused


def refusal(problem: Problem) -> Refused:
    """Put a picture's problem into a message."""
    for reason, kind in _REASONS.items():
        if isinstance(problem, kind):
            return Refused(reason, str(problem))
    return Refused("unreadable", str(problem))


def framed(body: bytes) -> bytes:
    """A body with its length before it."""
    return len(body).to_bytes(LENGTH_BYTES) + body
