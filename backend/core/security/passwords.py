"""Argon2id, in threads of its own: a flood of PINs and passwords may wait, everything else goes on."""

import asyncio
import base64
import hmac
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from litestar.di import NamedDependency

from backend.core.http.errors import Busy
from backend.core.keyring import FIRST, Keyring
from backend.core.security import encryption

# OWASP's minimum: 19 MiB, two passes, one lane; about 60 ms of one core.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
QUEUE = 8
PURPOSE = b"scanback password hashes"
SEALED = "$sealed$"  # before the key's number and a hash that is encrypted under a later pepper
T = TypeVar("T")


def seal_hash(peppers: Keyring, hashed: str) -> str:
    """Encrypt a hash under the newest pepper: that one can be replaced without the password, the one inside cannot.

    Under the first pepper a hash stays as it is: Argon2 has hashed with it.
    """
    if not peppers.is_rotated:
        return hashed
    sealed = encryption.encrypt(peppers, PURPOSE, b"", hashed.encode("ascii"))
    return f"{SEALED}{peppers.newest}${base64.b64encode(sealed).decode()}"


def unseal_hash(peppers: Keyring, stored: str) -> str:
    """The Argon2 hash of a stored one.

    Raises:
        cryptography.exceptions.InvalidTag: its pepper is not here.
    """
    if not stored.startswith(SEALED):
        return stored
    sealed = base64.b64decode(stored.removeprefix(SEALED).partition("$")[2])
    return encryption.decrypt(peppers, PURPOSE, b"", sealed).decode("ascii")


class Place:
    """A place in line: what is hashed from it runs one after the other on the one thread."""

    def __init__(self, pool: ThreadPoolExecutor, peppers: Keyring, decoy: str) -> None:
        self.pool = pool
        self.peppers = peppers
        self.decoy = decoy

    async def hash(self, secret: str) -> str:
        """Hash a PIN or password."""
        return seal_hash(self.peppers, await self._on_thread(HASHER.hash, self._add_pepper(secret)))

    async def matches(self, hashed: str | None, secret: str) -> bool:
        """Whether a secret is the hashed one; None is checked against a decoy and never matches."""
        right = await self._on_thread(
            self._verify_hash, unseal_hash(self.peppers, hashed or self.decoy), self._add_pepper(secret)
        )
        return right and hashed is not None

    async def _on_thread(self, work: Callable[..., T], *args: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, work, *args)

    def _add_pepper(self, secret: str) -> str:
        """Six digits are not saved by any hash; a key outside the database is what protects a leaked table."""
        return hmac.digest(self.peppers.key(FIRST), secret.encode("utf-8", "replace"), "sha256").hex()

    @staticmethod
    def _verify_hash(hashed: str, secret: str) -> bool:
        try:
            return HASHER.verify(hashed, secret)
        except (VerificationError, InvalidHashError):
            return False


class HashQueue:
    """The queue of one thread. It is short: further callers get Busy."""

    def __init__(self, place: Place) -> None:
        self.waiting = 0
        self._place = place

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Enter the queue. Callers that count attempts enter it first, so that a full queue costs no attempt.

        Raises:
            Busy: the queue is full.
        """
        if self.waiting >= QUEUE:
            raise Busy(retry_after=1)
        self.waiting += 1
        try:
            yield self._place
        finally:
            self.waiting -= 1

    async def hash(self, secret: str) -> str:
        """Hash a PIN or password.

        Raises:
            Busy: the queue is full.
        """
        with self.place() as place:
            return await place.hash(secret)

    async def matches(self, hashed: str | None, secret: str) -> bool:
        """Whether a secret is the hashed one; None is checked against a decoy and never matches.

        Raises:
            Busy: the queue is full.
        """
        with self.place() as place:
            return await place.matches(hashed, secret)


class Passwords:
    """A queue for each kind of caller: no kind fills the queue of another. Callers without a token have a thread of
    their own, so that a flood of them does not even slow the others down."""

    def __init__(self, peppers: Keyring) -> None:
        # An unknown name is checked against this hash, so that the duration is the same.
        decoy = HASHER.hash("decoy")
        self.pools = [ThreadPoolExecutor(1, thread_name_prefix=f"argon2-{name}") for name in ("known", "strangers")]
        known, strangers = (Place(pool, peppers, decoy) for pool in self.pools)
        self.strangers = HashQueue(strangers)  # who signs in
        self.agents = HashQueue(known)
        self.staff = HashQueue(known)
        self.cashiers = HashQueue(known)

    def close(self) -> None:
        """Let the threads go."""
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)


InjectedPasswords = NamedDependency[Passwords]
