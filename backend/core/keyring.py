"""Keys of one kind, by number: the newest is for new values, the older ones stay for what was made under them."""

import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from backend.core import atomic_file

KEY_BYTES = 32
FIRST = 1
MOST = 255  # a number is one byte of a sealed value


class KeyInvalid(ValueError):
    """A line of a key file is not a key; the message names it."""


class Keyring:
    """The keys of a kind. A process reads its file again when it has changed, so that a rotation needs no restart."""

    def __init__(self, keys: Mapping[int, bytes], path: Path | None = None) -> None:
        self.path = path
        self._keys = dict(keys)
        self._read_at: float | None = None

    @property
    def newest(self) -> int:
        """The number of the key for new values."""
        return max(self._keys)

    @property
    def is_rotated(self) -> bool:
        """Whether there is, or was, more than the first key."""
        return self.newest > FIRST

    def key(self, number: int) -> bytes:
        """A key by its number.

        Raises:
            KeyError: this installation does not have it.
        """
        if number not in self._keys:
            self.refresh()
        return self._keys[number]

    def all(self) -> list[bytes]:
        """Every key, the newest first: for what is signed and does not name its key."""
        return [self._keys[number] for number in sorted(self._keys, reverse=True)]

    def refresh(self) -> None:
        """Read the file again if it has changed. A file that is missing or damaged changes nothing."""
        if self.path is None:
            return
        try:
            changed_at = self.path.stat().st_mtime
            if changed_at != self._read_at:
                self._add_keys(parse(self.path.read_text("ascii")))
                self._read_at = changed_at
        except (OSError, ValueError):
            return

    def _add_keys(self, found: Mapping[int, bytes]) -> None:
        """Add keys; a file in which a known number has another key is not ours."""
        if all(self._keys.get(number, key) == key for number, key in found.items()):
            self._keys |= found


@cache
def keyring(keys: tuple[tuple[int, bytes], ...], path: Path | None) -> Keyring:
    """The process's one keyring for these keys."""
    return Keyring(dict(keys), path)


def parse(text: str) -> dict[int, bytes]:
    """Keys as a file or a variable has them: `NUMBER:HEX` between blanks; without a number it is the first.

    Raises:
        KeyInvalid: a key is not 64 hexadecimal digits, or a number is repeated.
    """
    found: dict[int, bytes] = {}
    for word in text.split():
        name, separator, digits = word.rpartition(":")
        try:
            number, key = int(name) if separator else FIRST, bytes.fromhex(digits)
        except ValueError:
            number, key = 0, b""
        if len(key) != KEY_BYTES or not FIRST <= number <= MOST or number in found:
            raise KeyInvalid("a key is 64 hexadecimal digits, with its number and a colon before it from the second on")
        found[number] = key
    return found


def add(path: Path) -> int:
    """Add the next key to a file, durably, and return its number.

    Raises:
        KeyInvalid: the file is damaged. OSError: it cannot be read or written.
    """
    keys = parse(path.read_text("ascii"))
    number = max(keys) + 1
    lines = [*(f"{each}:{key.hex()}" for each, key in sorted(keys.items())), f"{number}:{secrets.token_hex(KEY_BYTES)}"]
    atomic_file.write(path, "\n".join(lines) + "\n", replace=True)
    return number
