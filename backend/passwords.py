"""Argon2id, in a pool of its own: a flood of PINs and passwords may wait, everything else goes on."""

import asyncio
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from litestar.di import NamedDependency

from backend.errors import Busy

# OWASP's minimum: 19 MiB, two passes, one lane; about 60 ms of one core.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
QUEUE = 8
T = TypeVar("T")


class Passwords:
    """One thread hashes; a few may wait in line; who comes then is told to come back."""

    def __init__(self, pepper: bytes) -> None:
        self.pepper = pepper
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="argon2")
        self.waiting = 0
        # What a stranger's name is checked against, so that it takes as long as a real one.
        self.decoy = HASHER.hash("decoy")

    async def hash(self, secret: str) -> str:
        """Hash a PIN or password.

        Raises:
            Busy: the line is full.
        """
        return await self._in_line(HASHER.hash, self._peppered(secret))

    async def matches(self, hashed: str | None, secret: str) -> bool:
        """Whether a secret is the hashed one; None is checked against a decoy and never matches.

        Raises:
            Busy: the line is full.
        """
        return await self._in_line(self._verify, hashed or self.decoy, self._peppered(secret)) and hashed is not None

    async def _in_line(self, work: Callable[..., T], *args: str) -> T:
        if self.waiting >= QUEUE:
            raise Busy(retry_after=1)
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, work, *args)
        finally:
            self.waiting -= 1

    def _peppered(self, secret: str) -> str:
        """Six digits are not saved by any hash; a key outside the database is what protects a leaked table."""
        return hmac.digest(self.pepper, secret.encode("utf-8", "replace"), "sha256").hex()

    @staticmethod
    def _verify(hashed: str, secret: str) -> bool:
        try:
            return HASHER.verify(hashed, secret)
        except (VerificationError, InvalidHashError):
            return False

    def close(self) -> None:
        """Let the thread go."""
        self.pool.shutdown(wait=False, cancel_futures=True)


ThePasswords = NamedDependency[Passwords]
