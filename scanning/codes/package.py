"""Package codes, format pc1: a slot in clear, an enciphered serial with 28 zero bits, a check symbol.

Written SSEE-EEEE-EEEE-EEEC: SS the slot, E the serial shifted left by 28 bits under FF1 with the slot's key
(encode, then encipher: Bellare and Rogaway, Asiacrypt 2000), C the check symbol. Without the key a guess
finds a live code with a chance of live codes / 2^65, however many codes are known.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from scanning.codes import cipher, symbols
from scanning.codes.symbols import ALPHABET, VALUES, fold
from scanning.problem import NotIssued, TypingError

SLOTS = 1024
SERIALS = 2**37
LENGTH = 16  # symbols
ZERO_BITS = 28
KEY_BYTES = 16
SHORTEST_MASTER = 16  # bytes

Codes = NDArray[np.bytes_]

_ZEROS = (1 << ZERO_BITS) - 1
_CHUNK = 1 << 14  # codes; the blocks of a chunk stay in the processor's cache
_TO_DIGITS = str.maketrans(ALPHABET, "0123456789ABCDEFGHIJKLMNOPQRSTUV")  # what int(text, 32) reads
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


class PackageCode(NamedTuple):
    """The contents of a code: the slot of its key, and the serial."""

    slot: int
    serial: int


def slot_key(master: bytes, slot: int) -> bytes:
    """The key of one slot, by HKDF-SHA256 (RFC 5869). Raises ValueError: short master, or no such slot."""
    if len(master) < SHORTEST_MASTER:
        raise ValueError(f"a master key has at least {SHORTEST_MASTER} bytes")
    _require_slot(slot)
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=cipher.tweak(slot)).derive(master)


def check(text: str) -> str:
    """The 16 symbols of a typed code. Needs no key, so the phone can do it with no network.

    Raises TypingError.
    """
    code = fold(text)
    if len(code) != LENGTH:
        raise TypingError(f"a package code has {LENGTH} symbols, not {len(code)}")
    if not symbols.has_valid_check(code):
        raise TypingError("the check symbol does not fit the others")
    return code


def slot_of(code: str) -> int:
    """The key slot that a checked code names."""
    return VALUES[code[0]] << 5 | VALUES[code[1]]


def decode(key: bytes, code: str) -> PackageCode:
    """The slot and serial of a code, in any spelling, under the key of its slot.

    Raises TypingError, and NotIssued where the key holder did not make the code.
    """
    code = check(code)
    slot = slot_of(code)
    payload = cipher.decipher(key, slot, int(code[2:15].translate(_TO_DIGITS), 32))
    if payload & _ZEROS:
        raise NotIssued("the code was not made with this key")
    return PackageCode(slot, payload >> ZERO_BITS)


def decode_many(key: bytes, codes: Sequence[str]) -> list[PackageCode | None]:
    """The contents of many codes, in their order; None where decode would raise."""
    checked = [_checked_or_empty(code) for code in codes]
    good = [code for code in checked if code]
    found = iter(_decode_checked(key, good) if good else [])
    return [next(found) if code else None for code in checked]


def encode(key: bytes, slot: int, serial: int) -> str:
    """The code of a serial. Raises ValueError if slot or serial is out of range."""
    _require_slot(slot)
    _require_serials(serial, 1)
    body = _PAIRS[slot]
    payload = cipher.encipher(key, slot, serial << ZERO_BITS)
    for shift in range(55, -1, -10):
        body += _PAIRS[payload >> shift & 1023]
    body += ALPHABET[payload & 31]
    return body + ALPHABET[symbols.check_value(body)]


def encode_many(key: bytes, slot: int, first: int, count: int) -> Codes:
    """The codes of `count` serials from `first` on: an array of 16 ASCII bytes each (dtype S16).

    Raises ValueError if slot or serials are out of range.
    """
    _require_slot(slot)
    _require_serials(first, count)
    codes = np.empty((count, LENGTH // 2), np.uint16)
    for start in range(0, count, _CHUNK):
        _encode_chunk(key, slot, first + start, codes[start : start + _CHUNK])
    return codes.view(f"S{LENGTH}").reshape(count)


def grouped(code: str) -> str:
    """A code as it is printed for people: SSEE-EEEE-EEEE-EEEC."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _require_slot(slot: int) -> None:
    if not 0 <= slot < SLOTS:
        raise ValueError(f"the slot {slot} is not below {SLOTS}")


def _require_serials(first: int, count: int) -> None:
    if count < 0 or not 0 <= first <= SERIALS - count:
        raise ValueError(f"{count} serials from {first} on are not below {SERIALS}")


def _checked_or_empty(text: str) -> str:
    try:
        return check(text)
    except TypingError:
        return ""


def _decode_checked(key: bytes, codes: list[str]) -> list[PackageCode | None]:
    letters = np.frombuffer("".join(codes).encode(), np.uint8).reshape(len(codes), LENGTH)
    values = _VALUE_OF_BYTE[letters]
    slots, left, right = _joined(values[:, :2]), _joined(values[:, 2:8]), _joined(values[:, 8:15])
    cipher.decipher_many(key, slots, left, right)
    serials = (left << np.uint64(7)) | (right >> np.uint64(ZERO_BITS))
    issued = (right & np.uint64(_ZEROS)) == 0
    return [
        PackageCode(slot, serial) if good else None
        for slot, serial, good in zip(slots.tolist(), serials.tolist(), issued.tolist(), strict=True)
    ]


def _joined(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One number from the columns of 5 bits each."""
    number = values[:, 0].copy()
    for column in range(1, values.shape[1]):
        number <<= np.uint64(5)
        number |= values[:, column]
    return number


def _encode_chunk(key: bytes, slot: int, first: int, codes: NDArray[np.uint16]) -> None:
    """Write the codes of the serials from `first` on, two symbols an item."""
    serials = np.arange(first, first + len(codes), dtype=np.uint64)
    left, right = serials >> np.uint64(7), (serials & np.uint64(127)) << np.uint64(ZERO_BITS)
    cipher.encipher_many(key, np.full(len(codes), slot, np.uint64), left, right)

    codes[:, 0] = _LETTERS[slot]
    check = np.full(len(codes), _CHECKS[0][slot], np.uint8)
    pairs = (left >> 20, left >> 10, left, right >> 25, right >> 15, right >> 5)
    for place, pair in enumerate(pairs, start=1):
        number = (pair & np.uint64(1023)).astype(np.intp)
        codes[:, place] = _LETTERS[number]
        check ^= _CHECKS[place][number]
    last = (right & np.uint64(31)).astype(np.intp)
    codes[:, 7] = _LETTERS[last << 5 | (check ^ _CHECKS[7][last])]


def _checks_of_pairs() -> NDArray[np.uint8]:
    """What a pair of symbols adds to the check symbol, by place and pair; the last place is one symbol."""
    table = np.zeros((LENGTH // 2, 1024), np.uint8)
    for place in range(LENGTH // 2 - 1):
        for number, pair in enumerate(_PAIRS):
            table[place, number] = symbols.check_value(pair + "0" * (LENGTH - 3 - 2 * place))
    for number, symbol in enumerate(ALPHABET):
        table[-1, number] = symbols.check_value(symbol)
    return table


_LETTERS = np.frombuffer("".join(_PAIRS).encode(), np.uint16)
_CHECKS = _checks_of_pairs()
_VALUE_OF_BYTE = np.array([VALUES.get(chr(byte), 0) for byte in range(256)], np.uint64)
