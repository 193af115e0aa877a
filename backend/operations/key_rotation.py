"""Rotation of the master key and the pepper: re-encrypts and rehashes stored values under the newest key, under load.

Encrypted values and password hashes include their key's number, so they are rotated in small transactions, and an
interrupted rotation can be repeated. A kind of keyed hashes is rotated in one transaction, since equal texts must have
equal hashes in all tables. The tables are read as their owner: a rotation concerns all brands.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, cast

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.keyring import FIRST, Keyring
from backend.core.security import digests, encryption, gift_card_codes, passwords
from backend.core.settings import Settings
from backend.earning.packages import slot_keys
from backend.identity.brands.second_factors import service as second_factors
from backend.imports import service as imports
from backend.notifications.webhooks import signatures
from scanning.codes import package

REFRESH_SECONDS = 2.0
# After a key was added: each process of the installation has read it by then.
SETTLE_SECONDS = 3 * REFRESH_SECONDS
CHUNK = 500
DIGEST_CHUNK = 10_000
log = structlog.get_logger()


class Column(NamedTuple):
    """A column of encrypted values, the owner of each (an SQL expression), and the number of values a transaction."""

    table: str
    name: str
    owner: str
    purpose: bytes
    chunk: int = CHUNK


# An order that waits at a limit has a code of the stock, and no supplier yet.
ORDER_OWNER = """
    CASE WHEN supplier_name = 'stock' OR state = 'held' THEN 'stock:' || offer_id ELSE account_id || ':' || key END
"""
SEALED = (
    Column("stock_codes", "sealed", "'stock:' || offer_id", gift_card_codes.PURPOSE),
    Column("orders", "secret", ORDER_OWNER, gift_card_codes.PURPOSE),
    Column("webhook_endpoints", "secret", "id::text", signatures.PURPOSE),
    Column("staff", "totp_secret", "id::text", second_factors.PURPOSE),
    # Up to 32 MiB each.
    Column("import_files", "content", "uuid_send(key)", imports.PURPOSE, chunk=1),
)
HASHES = (("accounts", "pin_hash"), ("staff", "password_hash"), ("cashiers", "pin_hash"))
DIGESTS = {
    digests.LISTED_CODES: (("imported_codes", "digest"),),
    digests.INN: (("identities", "inn_digest"), ("rungs", "inn_digest")),
    digests.STAFF_RECOVERY: (("staff_recovery_codes", "digest"),),
}


@contextlib.asynccontextmanager
async def watching(db: Database, settings: Settings) -> AsyncIterator[None]:
    """Refresh the keys of this process while it runs."""
    await refresh(db, settings)
    task = asyncio.create_task(_watch_key_file(db, settings))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch_key_file(db: Database, settings: Settings) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        await refresh(db, settings)


async def refresh(db: Database, settings: Settings) -> None:
    """Read changed key files, and the keys of slots. Keeps the old slot keys if the database is unavailable."""
    settings.master_keys.refresh()
    settings.peppers.refresh()
    try:
        await slot_keys.refresh_keys(db, settings)
    except (psycopg.Error, TimeoutError) as error:
        log.warning("slot_keys_not_read", error=type(error).__name__)


async def rotate_master(owner: Database, settings: Settings, report: Callable[[str], None]) -> None:
    """Re-encrypt all values under the newest master key. Afterwards the older ones can be removed.

    Raises:
        cryptography.exceptions.InvalidTag: no key decrypts a value; earlier chunks stay rotated.
    """
    report(f"{await _reencrypt_slots(owner, settings)} keys of slots")
    for column in SEALED:
        report(f"{await _reencrypt_column(owner, settings.master_keys, column)} values of {column.table}")


async def rotate_pepper(owner: Database, settings: Settings, report: Callable[[str], None]) -> None:
    """Rehash everything under the newest pepper. The older ones stay: each hash is computed over the previous one."""
    for table, name in HASHES:
        report(f"{await _reencrypt_hashes(owner, settings.peppers, table, name)} hashes of {table}")
    for kind in DIGESTS:
        report(f"{await _rehash_kind(owner, settings.peppers, kind)} hashes of {kind.name}")


async def _reencrypt_slots(owner: Database, settings: Settings) -> int:
    """Encrypt the key of each slot. A slot without a stored key has one derived from the first master key."""
    keys = settings.master_keys
    async with owner.begin() as session:
        rows = (await session.execute(text("SELECT slot, sealed_key FROM slots ORDER BY slot FOR UPDATE"))).all()
        stale = [row for row in rows if row.sealed_key is None or encryption.key_number(row.sealed_key) != keys.newest]
        for row in stale:
            plain = (
                slot_keys.unseal_key(keys, row.slot, row.sealed_key)
                if row.sealed_key is not None
                else package.slot_key(keys.key(FIRST), row.slot)
            )
            await session.execute(
                text("UPDATE slots SET sealed_key = :sealed WHERE slot = :slot"),
                {"slot": row.slot, "sealed": slot_keys.seal_key(keys, row.slot, plain)},
            )
    return len(stale)


async def _reencrypt_column(owner: Database, keys: Keyring, column: Column) -> int:
    """Re-encrypt the values of a column that are under older keys, in chunks."""

    def renew(row: tuple[str | bytes, bytes]) -> bytes:
        bound_to = row[0].encode() if isinstance(row[0], str) else row[0]
        return encryption.encrypt(
            keys, column.purpose, bound_to, encryption.decrypt(keys, column.purpose, bound_to, row[1])
        )

    head = encryption.key_header(keys.newest)
    stale = f"substring({column.name} FROM 1 FOR {len(head)}) <> :head"
    read, write = _rotation_statements(column.table, column.name, column.owner, stale)
    return await _in_chunks(owner, read, write, {"head": head, "most": column.chunk}, renew)


async def _reencrypt_hashes(owner: Database, peppers: Keyring, table: str, name: str) -> int:
    """Re-encrypt the password hashes of a table that are under older peppers."""

    def renew(row: tuple[str, str]) -> str:
        return passwords.seal_hash(peppers, passwords.unseal_hash(peppers, row[1]))

    head = f"{passwords.SEALED}{peppers.newest}$"
    read, write = _rotation_statements(table, name, "''", f"NOT starts_with({name}, :head)")
    return await _in_chunks(owner, read, write, {"head": head, "most": CHUNK}, renew)


def _rotation_statements(table: str, name: str, bound_to: str, stale: str) -> tuple[TextClause, TextClause]:
    """The statements that read a chunk of stale values and write one value."""
    # Names and expressions come from the constants above.
    read = text(f"""
        SELECT id, {bound_to} AS bound_to, {name} AS value FROM {table}
        WHERE id > :after AND {name} IS NOT NULL AND {stale} ORDER BY id LIMIT :most FOR UPDATE
    """)  # noqa: S608 - no value of a request is in it
    write = text(f"UPDATE {table} SET {name} = :value WHERE id = :id")  # noqa: S608 - as above
    return read, write


async def _in_chunks(
    owner: Database, read: TextClause, write: TextClause, values: dict[str, object], renew: Callable[..., object]
) -> int:
    """Renew values while other transactions use them: waits for row locks, writes each row once."""
    done = after = 0
    while True:
        async with owner.begin() as session:
            rows = (await session.execute(read, values | {"after": after})).all()
            if not rows:
                return done
            await session.execute(write, [{"id": row.id, "value": renew((row.bound_to, row.value))} for row in rows])
        done, after = done + len(rows), rows[-1].id


async def _rehash_kind(owner: Database, peppers: Keyring, kind: digests.Kind) -> int:
    """Rehash a kind and record its pepper, in one transaction."""
    async with owner.begin() as session:
        held = text("SELECT number FROM digest_keys WHERE name = :name FOR UPDATE")
        before: int = (await session.execute(held, {"name": kind.name})).scalar_one()
        if before == peppers.newest:
            return 0
        done = sum([await _rehash_table(session, peppers, kind, before, table, name) for table, name in DIGESTS[kind]])
        note = text("UPDATE digest_keys SET number = :number WHERE name = :name")
        await session.execute(note, {"name": kind.name, "number": peppers.newest})
    return done


async def _rehash_table(
    session: AsyncSession, peppers: Keyring, kind: digests.Kind, before: int, table: str, name: str
) -> int:
    """Rehash one table. Readers see the old hashes until the commit, writers wait."""
    await session.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
    await session.execute(text("CREATE TEMPORARY TABLE carried (old bytea, new bytea)"))
    connection = await (await session.connection()).get_raw_connection()
    raw = cast("AsyncConnection[TupleRow]", connection.driver_connection)
    read = text(f"SELECT DISTINCT {name} FROM {table} WHERE {name} > :after ORDER BY 1 LIMIT :most")  # noqa: S608
    after = b""
    while olds := (await session.scalars(read, {"after": after, "most": DIGEST_CHUNK})).all():
        async with raw.cursor() as cursor, cursor.copy("COPY carried FROM STDIN") as copy:
            for old in olds:
                await copy.write_row((old, digests.carried(peppers, kind, old, before, peppers.newest)))
        after = olds[-1]
    changed = await session.execute(text(f"UPDATE {table} t SET {name} = c.new FROM carried c WHERE t.{name} = c.old"))  # noqa: S608
    await session.execute(text("DROP TABLE carried"))
    return int(cast("CursorResult[tuple[()]]", changed).rowcount)
