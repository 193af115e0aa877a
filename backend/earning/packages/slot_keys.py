"""Keys of slots: derived from the first master key, or, after its rotation, stored encrypted in the row of the slot."""

import secrets
from functools import lru_cache
from weakref import WeakKeyDictionary

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.keyring import Keyring
from backend.core.security import encryption
from backend.core.settings import Settings
from scanning.codes import package

PURPOSE = b"scanback slot keys"
KEY_BYTES = 16
SEALED_KEYS = text("SELECT slot, sealed_key FROM slots WHERE sealed_key IS NOT NULL AND (:slot < 0 OR slot = :slot)")
STORE_KEY = text("UPDATE slots SET sealed_key = :sealed WHERE slot = :slot AND sealed_key IS NULL")
_CACHED_KEYS: WeakKeyDictionary[Keyring, dict[int, bytes]] = WeakKeyDictionary()


@lru_cache(maxsize=2048)
def slot_key(master: bytes, slot: int) -> bytes:
    """The derived key of a slot, cached: deriving it costs as much as reading a code."""
    return package.slot_key(master, slot)


def key_of(settings: Settings, slot: int) -> bytes:
    """A slot's key from this process's cache (see refresh_keys), otherwise the derived one."""
    cached = _CACHED_KEYS.get(settings.master_keys)
    return cached[slot] if cached and slot in cached else slot_key(settings.master_key, slot)


async def refresh_keys(db: Database, settings: Settings) -> None:
    """Load the stored keys of all slots into the cache. There are none before the first rotation."""
    if settings.master_keys.is_rotated:
        rows = await db.rows(SEALED_KEYS, slot=-1)
        _CACHED_KEYS[settings.master_keys] = {
            row.slot: unseal_key(settings.master_keys, row.slot, row.sealed_key) for row in rows
        }


async def load_key(session: AsyncSession, settings: Settings, slot: int) -> bytes:
    """A slot's key for printing its codes, from the database."""
    row = (await session.execute(SEALED_KEYS, {"slot": slot})).one_or_none()
    return unseal_key(settings.master_keys, slot, row.sealed_key) if row else slot_key(settings.master_key, slot)


async def store_own_key(session: AsyncSession, settings: Settings, slot: int) -> None:
    """Store a random key for a slot without serials, so that it does not depend on a master key before the rotation."""
    if settings.master_keys.is_rotated:
        sealed = seal_key(settings.master_keys, slot, secrets.token_bytes(KEY_BYTES))
        await session.execute(STORE_KEY, {"slot": slot, "sealed": sealed})


def seal_key(keys: Keyring, slot: int, key: bytes) -> bytes:
    """Encrypt a slot's key for its row."""
    return encryption.encrypt(keys, PURPOSE, b"%d" % slot, key)


def unseal_key(keys: Keyring, slot: int, sealed: bytes) -> bytes:
    """Decrypt a slot's key.

    Raises:
        cryptography.exceptions.InvalidTag: its master key is missing.
    """
    return encryption.decrypt(keys, PURPOSE, b"%d" % slot, sealed)
