"""FF1, the format-preserving cipher of NIST SP 800-38G, written as the standard has it.

Works for any radix and length and is slow. `cipher.py` has the same permutation for the one shape we print.
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ROUNDS = 10
SMALLEST_DOMAIN = 1_000_000  # Rev. 1 requires radix ** length to be at least this


def encrypt(key: bytes, *, radix: int, tweak: bytes, numerals: Sequence[int]) -> list[int]:
    """Algorithm 7, FF1.Encrypt: as many numerals, each below the radix.

    Raises ValueError if the key is no AES key, a numeral is not below the radix, or the domain is too small.
    """
    _check_input(radix, numerals)
    length = len(numerals)
    left_length = length // 2
    left, right = list(numerals[:left_length]), list(numerals[left_length:])
    for number in range(ROUNDS):
        size = left_length if number % 2 == 0 else length - left_length
        mask = _round_function(key, radix, tweak, number, length, right)
        mixed = (_numerals_to_number(left, radix) + mask) % radix**size
        left, right = right, _number_to_numerals(mixed, radix, size)
    return left + right


def decrypt(key: bytes, *, radix: int, tweak: bytes, numerals: Sequence[int]) -> list[int]:
    """Algorithm 8, FF1.Decrypt: the inverse of encrypt, with the same errors."""
    _check_input(radix, numerals)
    length = len(numerals)
    left_length = length // 2
    left, right = list(numerals[:left_length]), list(numerals[left_length:])
    for number in reversed(range(ROUNDS)):
        size = left_length if number % 2 == 0 else length - left_length
        mask = _round_function(key, radix, tweak, number, length, left)
        mixed = (_numerals_to_number(right, radix) - mask) % radix**size
        left, right = _number_to_numerals(mixed, radix, size), left
    return left + right


def _check_input(radix: int, numerals: Sequence[int]) -> None:
    if not 2 <= radix <= 2**16:
        raise ValueError(f"the radix {radix} is not between 2 and 65536")
    if any(not 0 <= numeral < radix for numeral in numerals):
        raise ValueError("a numeral is not below the radix")
    if len(numerals) < 2 or radix ** len(numerals) < SMALLEST_DOMAIN:
        raise ValueError("the domain is too small to hide anything")


def _round_function(key: bytes, radix: int, tweak: bytes, number: int, length: int, half: list[int]) -> int:
    """Steps 1 to 6.v of algorithm 7: the number that a round adds to the other half."""
    longer = length - length // 2
    half_bytes = ((radix**longer - 1).bit_length() + 7) // 8
    wanted_bytes = 4 * ((half_bytes + 3) // 4) + 4
    head = bytes([1, 2, 1]) + radix.to_bytes(3) + bytes([ROUNDS, (length // 2) % 256])
    head += length.to_bytes(4) + len(tweak).to_bytes(4)
    padding = bytes((-len(tweak) - half_bytes - 1) % 16)
    body = tweak + padding + bytes([number]) + _numerals_to_number(half, radix).to_bytes(half_bytes)

    block = _last_cbc_block(key, head + body)
    stream = block
    for counter in range(1, (wanted_bytes + 15) // 16):
        stream += _encrypt_block(key, _xor_bytes(block, counter.to_bytes(16)))
    return int.from_bytes(stream[:wanted_bytes])


def _last_cbc_block(key: bytes, message: bytes) -> bytes:
    """Algorithm 6, PRF: the last block of AES in CBC mode from a zero vector."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(message)[-16:]


def _encrypt_block(key: bytes, block: bytes) -> bytes:
    # One block is what ECB is: SP 800-38G's CIPH.
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)  # noqa: S305


def _xor_bytes(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _numerals_to_number(numerals: Sequence[int], radix: int) -> int:
    total = 0
    for numeral in numerals:
        total = total * radix + numeral
    return total


def _number_to_numerals(number: int, radix: int, length: int) -> list[int]:
    numerals = []
    for _ in range(length):
        number, numeral = divmod(number, radix)
        numerals.append(numeral)
    return numerals[::-1]
