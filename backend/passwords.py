"""Argon2id, in a pool of its own: a flood of PINs and passwords may wait, everything else goes on."""

import asyncio
import hmac
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from litestar.di import NamedDependency

from backend.errors import Busy

# OWASP's minimum: 19 MiB, two passes, one lane; about 60 ms of one core.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
QUEUE = 8
T = TypeVar("T")


class Place:
    """A place in line: what is hashed from it runs one after the other on the one thread."""

    def __init__(self, pool: ThreadPoolExecutor, pepper: bytes, decoy: str) -> None:
        self.pool = pool
        self.pepper = pepper
        self.decoy = decoy

    async def hash(self, secret: str) -> str:
        """Hash a PIN or password."""
        return await self._on_thread(HASHER.hash, self._peppered(secret))

    async def matches(self, hashed: str | None, secret: str) -> bool:
        """Whether a secret is the hashed one; None is checked against a decoy and never matches."""
        right = await self._on_thread(self._verify, hashed or self.decoy, self._peppered(secret))
        return right and hashed is not None

    async def _on_thread(self, work: Callable[..., T], *args: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, work, *args)

    def _peppered(self, secret: str) -> str:
        """Six digits are not saved by any hash; a key outside the database is what protects a leaked table."""
        return hmac.digest(self.pepper, secret.encode("utf-8", "replace"), "sha256").hex()

    @staticmethod
    def _verify(hashed: str, secret: str) -> bool:
        try:
            return HASHER.verify(hashed, secret)
        except (VerificationError, InvalidHashError):
            return False


class Passwords:
    """One thread hashes; a few may wait in line; who comes then is told to come back."""

    def __init__(self, pepper: bytes) -> None:
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="argon2")
        self.waiting = 0
        # What a stranger's name is checked against, so that it takes as long as a real one.
        self.bench = Place(self.pool, pepper, HASHER.hash("decoy"))

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Take a place in line. Whoever counts tries takes it first: being turned away then costs no try.

        Raises:
            Busy: the line is full.
        """
        if self.waiting >= QUEUE:
            raise Busy(retry_after=1)
        self.waiting += 1
        try:
            yield self.bench
        finally:
            self.waiting -= 1

    async def hash(self, secret: str) -> str:
        """Hash a PIN or password.

        Raises:
            Busy: the line is full.
        """
        with self.place() as place:
            return await place.hash(secret)

    async def matches(self, hashed: str | None, secret: str) -> bool:
        """Whether a secret is the hashed one; None is checked against a decoy and never matches.

        Raises:
            Busy: the line is full.
        """
        with self.place() as place:
            return await place.matches(hashed, secret)

    def close(self) -> None:
        """Let the thread go."""
        self.pool.shutdown(wait=False, cancel_futures=True)


ThePasswords = NamedDependency[Passwords]
