"""Export of everything stored about an agent, streamed in chunks, because it may not fit in memory.

Each chunk is a statement of its own, so that a slow client holds no connection. Movements end at the state of the
wallets at the beginning of the export, so that the balances match.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import text

from backend.checkout.redemptions import service as redemptions
from backend.checkout.redemptions.schemas import RedemptionOut
from backend.core.db.database import Database
from backend.earning import units
from backend.earning.promocodes import code_counters as promocodes
from backend.earning.receipts import receipt_list as receipts
from backend.earning.units import PackageCodes
from backend.privacy.schemas import AccountExport, DeviceExport, PasskeyExport, ReceiptExport, ScanExport
from backend.programmes.rules.explanation import RuleVersionCache
from backend.spending.limits import identity
from backend.spending.limits.schemas import identity_out
from backend.spending.orders import service as orders
from backend.spending.schemas import orders_out
from backend.spending.wallets import service as wallets
from backend.spending.wallets.schemas import movement_out, wallet_out

CHUNK_ROWS = 500  # rows

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

Item = TypeVar("Item", bound=msgspec.Struct)
Items = Sequence[msgspec.Struct]
_encode = msgspec.json.Encoder().encode


async def export_chunks(
    db: Database, versions: RuleVersionCache, pack_codes: PackageCodes, account_id: int, base_url: str
) -> AsyncGenerator[bytes, None]:
    """The document `PersonalDataExport` in chunks, in order."""
    wallet_rows = [row async for page in _export_wallets(db, account_id) for row in page]
    yield b'{"account":' + _encode(AccountExport(**(await db.call(ACCOUNT, account=account_id))._asdict()))
    yield b',"devices":' + _encode(_convert_rows(DeviceExport, await db.rows(DEVICES, account=account_id)))
    yield b',"passkeys":' + _encode(_convert_rows(PasskeyExport, await db.rows(PASSKEYS, account=account_id)))
    yield b',"wallets":' + _encode([wallet_out(row) for row in wallet_rows])
    yield b',"movements":['
    async for chunk in _encode_items(_export_movements(db, versions, account_id, wallet_rows)):
        yield chunk
    yield b'],"scans":['
    async for chunk in _encode_items(_export_scans(db, account_id)):
        yield chunk
    yield b'],"receipts":['
    async for chunk in _encode_items(_export_receipts(db, versions, account_id)):
        yield chunk
    yield b'],"promo_codes":['
    async for chunk in _encode_items(_promo_codes(db, versions, account_id, base_url)):
        yield chunk
    yield b'],"redemptions":['
    async for chunk in _encode_items(_export_redemptions(db, account_id)):
        yield chunk
    yield b'],"orders":['
    async for chunk in _encode_items(_export_orders(db, account_id)):
        yield chunk
    yield b'],"units":['
    async for chunk in _encode_items(_export_units(db, pack_codes, account_id)):
        yield chunk
    yield b'],"identity":' + _encode(identity_out(*await identity.account_levels(db, account_id)))
    yield b"}"


def _convert_rows(kind: Callable[..., Item], rows: Iterable[Any]) -> list[Item]:
    return [kind(**row._asdict()) for row in rows]


async def _encode_items(pages: AsyncIterator[Items]) -> AsyncGenerator[bytes, None]:
    """The items of a list without its brackets."""
    first = True
    async for page in pages:
        if page:
            yield (b"" if first else b",") + b",".join(map(_encode, page))
            first = False


async def _export_wallets(db: Database, account_id: int) -> AsyncGenerator[list[Any], None]:
    after = 0
    while page := await wallets.wallet_page(db, account_id, after, CHUNK_ROWS):
        yield page
        after = page[-1].id


async def _export_movements(
    db: Database, versions: RuleVersionCache, account_id: int, wallet_rows: list[Any]
) -> AsyncGenerator[Items, None]:
    for wallet in wallet_rows:
        before = wallet.seq + 1
        while rows := await wallets.movement_page(db, account_id, wallet.id, before, CHUNK_ROWS):
            loaded = await versions.load(row.version_id for row in rows)
            yield [movement_out(row, loaded) for row in rows]
            before = rows[-1].wallet_seq


async def _export_scans(db: Database, account_id: int) -> AsyncGenerator[Items, None]:
    last, n = UUID(int=0), -1
    while rows := await db.rows(SCANS, account=account_id, id=last, n=n, most=CHUNK_ROWS):
        yield _convert_rows(ScanExport, rows)
        last, n = rows[-1].id, rows[-1].n


async def _export_receipts(db: Database, versions: RuleVersionCache, account_id: int) -> AsyncGenerator[Items, None]:
    before = None
    while True:
        page, before = await receipts.receipt_page(db, versions, account_id, before, CHUNK_ROWS)
        ids = [receipt.id for receipt in page]
        sent = {row.key: row for row in await db.rows(SENT, account=account_id, keys=ids)}
        # The receipts of an account that was erased meanwhile have other ids.
        pairs = [(receipt, sent[receipt.id]) for receipt in page if receipt.id in sent]
        yield [ReceiptExport(receipt, row.canonical, row.answer, row.answered_at) for receipt, row in pairs]
        if before is None:
            return


async def _promo_codes(
    db: Database, versions: RuleVersionCache, account_id: int, base_url: str
) -> AsyncGenerator[Items, None]:
    before = None
    while rows := await promocodes.list_codes_with_counters(db, account_id, before, CHUNK_ROWS):
        loaded = await versions.load(row.version_id for row in rows)
        yield [promocodes.counted_code(row, loaded, base_url) for row in rows]
        before = rows[-1].id


async def _export_redemptions(db: Database, account_id: int) -> AsyncGenerator[Items, None]:
    before = None
    while rows := await redemptions.redemption_page(db, account_id, before, CHUNK_ROWS):
        yield [RedemptionOut.of(row) for row in rows]
        before = rows[-1].id


async def _export_orders(db: Database, account_id: int) -> AsyncGenerator[Items, None]:
    before = None
    while rows := await orders.order_page(db, account_id, before, CHUNK_ROWS):
        yield orders_out(rows)
        before = rows[-1].id


async def _export_units(db: Database, pack_codes: PackageCodes, account_id: int) -> AsyncGenerator[Items, None]:
    before = None
    while page := await units.find_units(db, pack_codes, account_id, before, CHUNK_ROWS):
        yield page
        before = page[-1].id
