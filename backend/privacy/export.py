"""The document of everything we hold, written piece by piece: it may be longer than memory should be.

Each piece is a statement of its own: whoever reads slowly holds no connection. Movements end where the wallets stood
when the document began, so that the sums fit.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from backend.checkout import feed
from backend.checkout.feed_schemas import RedemptionOut
from backend.database import Database
from backend.offers import identity, ordering, units
from backend.offers.identity_schemas import identity_out
from backend.offers.schemas import orders_out
from backend.privacy.schemas import AccountKept, DeviceKept, PasskeyKept, ReceiptKept, ScanKept
from backend.programmes.explain import Versions
from backend.promocodes import listing as promocodes
from backend.receipts import listing as receipts
from backend.wallets import service as wallets
from backend.wallets.schemas import movement_out, wallet_out

PIECE = 500  # rows

ACCOUNT = text("""
    SELECT card_number, created_at, pin_hash IS NOT NULL AS has_pin, spending_held_until FROM accounts
    WHERE id = :account
""")
DEVICES = text("""
    SELECT id, name, created_at, seen_at, expires_at, ended_at FROM devices WHERE account_id = :account ORDER BY id
""")
PASSKEYS = text("SELECT id, created_at, ended_at FROM passkeys WHERE account_id = :account ORDER BY id")
SCANS = text("""
    SELECT id, n, kind, status, at, reason FROM scans WHERE account_id = :account AND (id, n) > (:id, :n)
    ORDER BY id, n LIMIT :most
""")

SENT = text("SELECT key, canonical, answer, answered_at FROM receipts WHERE account_id = :account AND key = ANY(:keys)")

_encode = msgspec.json.Encoder().encode


async def pieces(db: Database, versions: Versions, account_id: int, base_url: str) -> AsyncGenerator[bytes, None]:
    """The document `Export`, in order and in pieces."""
    purses = [row async for page in _wallets(db, account_id) for row in page]
    yield b'{"account":' + _encode(AccountKept(**(await db.call(ACCOUNT, account=account_id))._asdict()))
    yield b',"devices":' + _encode(_all(DeviceKept, await db.rows(DEVICES, account=account_id)))
    yield b',"passkeys":' + _encode(_all(PasskeyKept, await db.rows(PASSKEYS, account=account_id)))
    yield b',"wallets":' + _encode([wallet_out(row) for row in purses])
    yield b',"movements":['
    async for piece in _listed(_movements(db, versions, account_id, purses)):
        yield piece
    yield b'],"scans":['
    async for piece in _listed(_scans(db, account_id)):
        yield piece
    yield b'],"receipts":['
    async for piece in _listed(_receipts(db, versions, account_id)):
        yield piece
    yield b'],"promo_codes":['
    async for piece in _listed(_promo_codes(db, versions, account_id, base_url)):
        yield piece
    yield b'],"redemptions":['
    async for piece in _listed(_redemptions(db, account_id)):
        yield piece
    yield b'],"orders":['
    async for piece in _listed(_orders(db, account_id)):
        yield piece
    yield b'],"units":['
    async for piece in _listed(_units(db, account_id)):
        yield piece
    yield b'],"identity":' + _encode(identity_out(*await identity.mine(db, account_id)))
    yield b"}"


def _all(kind: type[Any], rows: Iterable[Any]) -> list[Any]:
    return [kind(**row._asdict()) for row in rows]


async def _listed(pages: AsyncIterator[list[Any]]) -> AsyncGenerator[bytes, None]:
    """The items of a list without its brackets."""
    first = True
    async for page in pages:
        if page:
            yield (b"" if first else b",") + b",".join(map(_encode, page))
            first = False


async def _wallets(db: Database, account_id: int) -> AsyncGenerator[list[Any], None]:
    after = 0
    while page := await wallets.wallets(db, account_id, after, PIECE):
        yield page
        after = page[-1].id


async def _movements(
    db: Database, versions: Versions, account_id: int, purses: list[Any]
) -> AsyncGenerator[list[Any], None]:
    for purse in purses:
        before = purse.seq + 1
        while rows := await wallets.page(db, account_id, purse.id, before, PIECE):
            known = await versions.load(row.version_id for row in rows)
            yield [movement_out(row, known) for row in rows]
            before = rows[-1].wallet_seq


async def _scans(db: Database, account_id: int) -> AsyncGenerator[list[Any], None]:
    last, n = UUID(int=0), -1
    while rows := await db.rows(SCANS, account=account_id, id=last, n=n, most=PIECE):
        yield _all(ScanKept, rows)
        last, n = rows[-1].id, rows[-1].n


async def _receipts(db: Database, versions: Versions, account_id: int) -> AsyncGenerator[list[Any], None]:
    before = None
    while True:
        page, before = await receipts.page(db, versions, account_id, before, PIECE)
        sent = {row.key: row for row in await db.rows(SENT, account=account_id, keys=[one.id for one in page])}
        # One whose account was forgotten meanwhile has another id now.
        kept = [(one, sent[one.id]) for one in page if one.id in sent]
        yield [ReceiptKept(one, row.canonical, row.answer, row.answered_at) for one, row in kept]
        if before is None:
            return


async def _promo_codes(
    db: Database, versions: Versions, account_id: int, base_url: str
) -> AsyncGenerator[list[Any], None]:
    before = None
    while rows := await promocodes.page(db, account_id, before, PIECE):
        known = await versions.load(row.version_id for row in rows)
        yield [promocodes.counted(row, known, base_url) for row in rows]
        before = rows[-1].id


async def _redemptions(db: Database, account_id: int) -> AsyncGenerator[list[Any], None]:
    before = None
    while rows := await feed.page(db, account_id, before, PIECE):
        yield [RedemptionOut.of(row) for row in rows]
        before = rows[-1].id


async def _orders(db: Database, account_id: int) -> AsyncGenerator[list[Any], None]:
    before = None
    while rows := await ordering.page(db, account_id, before, PIECE):
        yield orders_out(rows)
        before = rows[-1].id


async def _units(db: Database, account_id: int) -> AsyncGenerator[list[Any], None]:
    before = None
    while page := await units.page(db, account_id, before, PIECE):
        yield page
        before = page[-1].id
