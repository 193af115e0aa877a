"""Package codes a second on one core, against a bare AES pass over as many blocks: figure (c)."""

import os
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from scanning.codes import package

COUNT = 1_000_000


def code_generation_rates() -> tuple[float, float]:
    """Codes a second, and AES blocks a second of a single ECB pass."""
    key = package.slot_key(os.urandom(32), 1)
    package.encode_many(key, 1, 0, 1000)
    begun = time.perf_counter()
    codes = package.encode_many(key, 1, 0, COUNT)
    codes_seconds = time.perf_counter() - begun
    if len(set(codes.tolist())) != COUNT:
        raise RuntimeError("codes repeat")
    blocks = os.urandom(16 * COUNT)
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a bare pass is what we measure
    begun = time.perf_counter()
    encryptor.update(blocks)
    return COUNT / codes_seconds, COUNT / (time.perf_counter() - begun)
