"""The ledger's deeds in Python, for everything that is not one of the hot deeds: each is one call of an SQL function.

They run in the caller's transaction and lock the wallet until it ends; with several wallets, go in the order of their
owners. A deed is repeated harmlessly by its cause: the second time it raises `Repeated`, and nothing has moved.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

NEVER = date(9999, 12, 31)


class LedgerRefusal(Exception):
    """The ledger does not do this; the transaction must be rolled back."""


class NotEnough(LedgerRefusal):
    """The wallet has less available than this."""


class HoldSmaller(LedgerRefusal):
    """There is no such hold in this wallet, or less of it is left than this."""


class EarnedLess(LedgerRefusal):
    """Nothing was earned by that deed in this wallet, or less than is to be taken back."""


class DebtSmaller(LedgerRefusal):
    """The wallet owes less than this."""


class Repeated(LedgerRefusal):
    """This cause has moved already."""


REFUSALS = {"SB001": NotEnough, "SB002": HoldSmaller, "SB003": EarnedLess, "SB004": DebtSmaller, "23505": Repeated}


class Cause(NamedTuple):
    """What moves money: a kind of deed (the caller numbers them from 1) and its id."""

    kind: int
    id: int


class Purse(NamedTuple):
    """Whose wallet in which book, and what day it is there."""

    owner_id: int
    book_id: int
    today: date


@dataclass(frozen=True)
class Wallet:
    """A wallet after a deed; amounts in minor units, `available` below zero is a debt."""

    id: int
    pending: int
    available: int
    held: int


def _deed(name: str, arguments: str = "") -> TextClause:
    opened = "ledger_open(:owner, :book, :today)"
    call = f"{name}({opened}, {arguments})" if arguments else opened
    return text(f"SELECT id, pending, available, held FROM {call}")  # noqa: S608 - our own names


OPEN = _deed("ledger_open")
EARN = _deed("ledger_earn", ":amount, :cause, :cause_id, :today, :matures_on, :expires_on")
HOLD = _deed("ledger_hold", ":amount, :cause, :cause_id")
SETTLE = _deed("ledger_settle", ":amount, :cause, :cause_id, :leg")
RELEASE = _deed("ledger_release", ":amount, :cause, :cause_id, :leg")
CLAW_BACK = _deed("ledger_claw_back", ":earned_cause, :earned_id, :amount, :cause, :cause_id")
WRITE_OFF = _deed("ledger_write_off", ":amount, :cause, :cause_id")


async def _do(session: AsyncSession, statement: TextClause, purse: Purse, **values: Any) -> Wallet:
    known = {"owner": purse.owner_id, "book": purse.book_id, "today": purse.today}
    try:
        row = (await session.execute(statement, known | values)).one()
    except DBAPIError as error:
        refusal = REFUSALS.get(getattr(error.orig, "sqlstate", ""))
        if refusal is None:
            raise
        raise refusal(str(error.orig).partition("\n")[0]) from error
    return Wallet(*row)


async def open_wallet(session: AsyncSession, purse: Purse) -> Wallet:
    """The wallet as it stands today, locked; it is made on first use, and what is due has matured and expired."""
    return await _do(session, OPEN, purse)


async def earn(
    session: AsyncSession, purse: Purse, amount: int, cause: Cause, *, matures_on: date, expires_on: date = NEVER
) -> Wallet:
    """Funding -> available, or pending where `matures_on` is later than today. A debt is repaid first.

    Raises:
        Repeated: this cause has earned already.
    """
    values = {"amount": amount, "cause": cause.kind, "cause_id": cause.id}
    return await _do(session, EARN, purse, matures_on=matures_on, expires_on=expires_on, **values)


async def hold(session: AsyncSession, purse: Purse, amount: int, cause: Cause) -> Wallet:
    """Available -> held for an order, from what expires soonest.

    Raises:
        NotEnough: there is less available.
        Repeated: this cause holds something already.
    """
    return await _do(session, HOLD, purse, amount=amount, cause=cause.kind, cause_id=cause.id)


async def settle(session: AsyncSession, purse: Purse, amount: int, cause: Cause, *, leg: int = 0) -> Wallet:
    """Held -> payable: the order, or the part of it that `leg` numbers, was fulfilled.

    Raises:
        HoldSmaller: less of the hold is left, or there is none.
        Repeated: this leg was settled already.
    """
    return await _do(session, SETTLE, purse, amount=amount, cause=cause.kind, cause_id=cause.id, leg=leg)


async def release(session: AsyncSession, purse: Purse, amount: int, cause: Cause, *, leg: int = 0) -> Wallet:
    """Held -> available, into the lots it came from; what has lived its days meanwhile expires with the next touch.

    Raises:
        HoldSmaller: less of the hold is left, or there is none.
        Repeated: this leg was released already.
    """
    return await _do(session, RELEASE, purse, amount=amount, cause=cause.kind, cause_id=cause.id, leg=leg)


async def claw_back(session: AsyncSession, purse: Purse, amount: int, earned: Cause, cause: Cause) -> Wallet:
    """Take back what a deed earned, or a part of it: pending first, then lots, then as a debt.

    Raises:
        EarnedLess: more than the deed earned in this wallet and was not taken back yet.
        Repeated: this cause took something back already.
    """
    values = {"earned_cause": earned.kind, "earned_id": earned.id, "cause": cause.kind, "cause_id": cause.id}
    return await _do(session, CLAW_BACK, purse, amount=amount, **values)


async def write_off(session: AsyncSession, purse: Purse, amount: int, cause: Cause) -> Wallet:
    """Loss -> available: an old debt becomes the book's loss.

    Raises:
        DebtSmaller: the wallet owes less.
        Repeated: this cause was written off already.
    """
    return await _do(session, WRITE_OFF, purse, amount=amount, cause=cause.kind, cause_id=cause.id)
