"""FF1 (NIST SP 800-38G, AES-128) for the one shape we print: radix 32, 13 symbols, tweak "pc1" and the slot.

With a radix of 2^5 and a tweak of 5 bytes each of the ten rounds is one AES block, and taking a number modulo
the radix to a power is a mask. So a payload is a plain integer of 65 bits, and numpy turns a whole print run
at once. Tests compare both with `ff1.py`.
"""

from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.utils import Buffer
from numpy.typing import NDArray

from scanning.codes import ff1

SYMBOLS = 13
LEFT_BITS, RIGHT_BITS = 30, 35  # 6 and 7 symbols of 5 bits
LEFT_MASK, RIGHT_MASK = (1 << LEFT_BITS) - 1, (1 << RIGHT_BITS) - 1

# Step 5 of algorithm 7, the block P: version 1, method 2, addition 1, radix, rounds, left symbols, n, t.
_HEAD = bytes([1, 2, 1, 0, 0, 32, ff1.ROUNDS, SYMBOLS // 2]) + SYMBOLS.to_bytes(4) + (5).to_bytes(4)

Numbers = NDArray[np.uint64]


def tweak(slot: int) -> bytes:
    """What ties a payload to its slot: "pc1" and the slot in two bytes."""
    return b"pc1" + slot.to_bytes(2)


def encipher(key: bytes, slot: int, payload: int) -> int:
    """Encrypt a payload of 65 bits."""
    schedule = _key_schedule(key, slot)
    update = schedule.aes.update
    left, right = payload >> RIGHT_BITS, payload & RIGHT_MASK
    for even, odd in schedule.pairs:
        # An output block's bytes 0 to 11 are the standard's S; only the low bits of it survive the mask.
        left = (left + int.from_bytes(update((even ^ right).to_bytes(16))[4:12])) & LEFT_MASK
        right = (right + int.from_bytes(update((odd ^ left).to_bytes(16))[4:12])) & RIGHT_MASK
    return left << RIGHT_BITS | right


def decipher(key: bytes, slot: int, payload: int) -> int:
    """Decrypt a payload of 65 bits."""
    schedule = _key_schedule(key, slot)
    update = schedule.aes.update
    left, right = payload >> RIGHT_BITS, payload & RIGHT_MASK
    for even, odd in schedule.backward:
        right = (right - int.from_bytes(update((odd ^ left).to_bytes(16))[4:12])) & RIGHT_MASK
        left = (left - int.from_bytes(update((even ^ right).to_bytes(16))[4:12])) & LEFT_MASK
    return left << RIGHT_BITS | right


def encipher_many(key: bytes, slots: Numbers, left: Numbers, right: Numbers) -> None:
    """Encrypt many payloads in place: the upper 30 and the lower 35 bits of each, and its slot."""
    rounds = _Bulk(key, slots)
    for number in range(0, ff1.ROUNDS, 2):
        left += rounds.stream(number, right)
        left &= np.uint64(LEFT_MASK)
        right += rounds.stream(number + 1, left)
        right &= np.uint64(RIGHT_MASK)


def decipher_many(key: bytes, slots: Numbers, left: Numbers, right: Numbers) -> None:
    """Decrypt many payloads in place: the upper 30 and the lower 35 bits of each, and its slot."""
    rounds = _Bulk(key, slots)
    for number in range(ff1.ROUNDS - 2, -1, -2):
        right -= rounds.stream(number + 1, left)
        right &= np.uint64(RIGHT_MASK)
        left -= rounds.stream(number, right)
        left &= np.uint64(LEFT_MASK)


class _Bulk:
    """The rounds for many payloads at once, in buffers that all rounds share."""

    def __init__(self, key: bytes, slots: Numbers) -> None:
        # Not the shared schedule: long messages are encrypted without the interpreter's lock, and threads
        # would meet in it.
        self._aes = _create_ecb(key)
        constant = int.from_bytes(self._aes.update(_HEAD)) ^ int.from_bytes(tweak(0)) << 88
        self._lower = constant & 0xFFFF_FFFF_FFFF_FFFF
        self._input = bytearray(16 * len(slots))
        self._blocks = np.frombuffer(self._input, ">u8").reshape(-1, 2)
        self._blocks[:, 0] = np.uint64(constant >> 64) ^ (slots << np.uint64(24))
        self._output = bytearray(16 * len(slots) + 15)  # the size that the cipher requires
        self._streams = np.ndarray(len(slots), ">u8", self._output, offset=4, strides=(16,))

    def stream(self, number: int, half: Numbers) -> NDArray[np.unsignedinteger]:
        """What round `number` adds to the other half, in 64 bits."""
        self._blocks[:, 1] = half ^ np.uint64(self._lower ^ number << 40)
        self._aes.update_into(self._input, self._output)
        return self._streams


class _Aes(Protocol):
    def update(self, data: bytes) -> bytes: ...
    def update_into(self, data: Buffer, buf: Buffer) -> int: ...


class _Schedule(NamedTuple):
    """What the rounds of one slot have in common."""

    aes: _Aes
    pairs: tuple[tuple[int, int], ...]  # an even and an odd round: the block to encrypt, but for the half
    backward: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1024)
def _key_schedule(key: bytes, slot: int) -> _Schedule:
    """The AES of a key and the ten constant blocks: E(P) xor (tweak, zeros, round, space for a half)."""
    aes = _create_ecb(key)
    constant = int.from_bytes(aes.update(_HEAD)) ^ int.from_bytes(tweak(slot)) << 88
    rounds = [constant ^ number << 40 for number in range(ff1.ROUNDS)]
    pairs = tuple(zip(rounds[::2], rounds[1::2], strict=True))
    return _Schedule(aes, pairs, pairs[::-1])


def _create_ecb(key: bytes) -> _Aes:
    # Blocks are independent here by the standard's own design: CIPH of SP 800-38G.
    return Cipher(algorithms.AES128(key), modes.ECB()).encryptor()  # noqa: S305
