"""The steps of a settlement in SQL that the decisions of reviewers share. The caller holds the account's lock."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.earning.receipts.awards.review_awards import RepricedLine

AWARD = text("SELECT receipts_award(:account, CAST(:lines AS jsonb), :staff)")
REFRESH_STATE = text("SELECT receipts_conclude(:receipt, :otherwise, :brand)")
REFUSE = text("SELECT receipts_refuse(:receipt, :reason)")
# Raised by programmes_award: a budget, or the rules, changed after the lines were priced.
OUTDATED_SQLSTATES = ("SB010", "SB011")


class PricesOutdated(Exception):
    """The rules, a budget or the lines in review changed after the lines were priced: price them again."""


async def award_lines(
    session: AsyncSession, account_id: int, lines: Sequence[RepricedLine], staff_id: int | None
) -> None:
    """Pay lines in review by their awards; a line that cannot be paid is refused with its reason.

    Raises:
        PricesOutdated: the rules or a budget changed.
    """
    values = {"account": account_id, "lines": msgspec.json.encode(lines).decode(), "staff": staff_id}
    await execute_priced(session, AWARD, values)


async def execute_priced(session: AsyncSession, statement: TextClause, values: dict[str, object]) -> None:
    """Execute a statement that pays lines as they were priced.

    Raises:
        PricesOutdated: the rules or a budget changed.
    """
    await session.flush()
    try:
        await session.execute(statement, values)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in OUTDATED_SQLSTATES:
            raise PricesOutdated from error
        raise


async def refresh_state(session: AsyncSession, receipt_id: int, otherwise: str, brand_id: int | None) -> None:
    """Set a receipt's state by its lines and write its event for a brand, or for each brand with lines. `otherwise`:
    the reason of a receipt without lines."""
    await session.flush()  # events are numbered in the order in which they happen
    await session.execute(REFRESH_STATE, {"receipt": receipt_id, "otherwise": otherwise, "brand": brand_id})


async def refuse_receipt(session: AsyncSession, receipt_id: int, reason: str) -> None:
    """Refuse a receipt, unless it is decided or claimed."""
    await session.flush()
    await session.execute(REFUSE, {"receipt": receipt_id, "reason": reason})
