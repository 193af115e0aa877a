"""The ledger's operations in Python, each one call of an SQL function. The hot paths call the SQL functions directly.

An operation runs in the caller's transaction and locks the wallet until the transaction ends. With several wallets,
call it in the order of their owners. An operation is idempotent by its cause: a repeated cause raises `CauseRepeated`
and moves nothing.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

NEVER = date(9999, 12, 31)


class LedgerError(Exception):
    """The ledger does not allow this operation; the transaction must be rolled back."""


class InsufficientBalance(LedgerError):
    """Less than this amount is available in the wallet."""


class HoldExceeded(LedgerError):
    """The wallet has no such hold, or less of it is left than this amount."""


class ClawbackExceeded(LedgerError):
    """The cause earned nothing in this wallet, or less than is to be clawed back."""


class DebtExceeded(LedgerError):
    """The debt of the wallet is smaller than this amount."""


class CauseRepeated(LedgerError):
    """This cause has moved an amount already."""


ERRORS_BY_SQLSTATE = {
    "SB001": InsufficientBalance,
    "SB002": HoldExceeded,
    "SB003": ClawbackExceeded,
    "SB004": DebtExceeded,
    "23505": CauseRepeated,
}


class Cause(NamedTuple):
    """What moves an amount: a kind of operation (numbered by the caller from 1) and its id."""

    kind: int
    id: int


class WalletKey(NamedTuple):
    """A wallet by owner and ledger, and the current day in that ledger."""

    owner_id: int
    ledger_id: int
    today: date


@dataclass(frozen=True)
class WalletBalances:
    """The balances of a wallet after an operation, in minor units. `available` below zero is a debt."""

    id: int
    pending: int
    available: int
    held: int


def _operation_statement(name: str, arguments: str = "") -> TextClause:
    wallet = "ledger_open(:owner, :ledger, :today)"
    call = f"{name}({wallet}, {arguments})" if arguments else wallet
    return text(f"SELECT id, pending, available, held FROM {call}")  # noqa: S608 - our own names


OPEN = _operation_statement("ledger_open")
EARN = _operation_statement("ledger_earn", ":amount, :cause, :cause_id, :today, :matures_on, :expires_on")
HOLD = _operation_statement("ledger_hold", ":amount, :cause, :cause_id")
SETTLE = _operation_statement("ledger_settle", ":amount, :cause, :cause_id, :leg")
RELEASE = _operation_statement("ledger_release", ":amount, :cause, :cause_id, :leg")
CLAW_BACK = _operation_statement("ledger_claw_back", ":earned_cause, :earned_id, :amount, :cause, :cause_id")
WRITE_OFF = _operation_statement("ledger_write_off", ":amount, :cause, :cause_id")
CORRECT = _operation_statement("ledger_correct", ":amount, :cause, :cause_id")


async def _execute_operation(
    session: AsyncSession, statement: TextClause, key: WalletKey, **values: object
) -> WalletBalances:
    wallet: dict[str, object] = {"owner": key.owner_id, "ledger": key.ledger_id, "today": key.today}
    try:
        row = (await session.execute(statement, wallet | values)).one()
    except DBAPIError as error:
        error_class = ERRORS_BY_SQLSTATE.get(getattr(error.orig, "sqlstate", ""))
        if error_class is None:
            raise
        raise error_class(str(error.orig).partition("\n")[0]) from error
    return WalletBalances(*row)


async def open_wallet(session: AsyncSession, key: WalletKey) -> WalletBalances:
    """Lock a wallet, mature and expire what is due today, and return its balances. Creates it on first use."""
    return await _execute_operation(session, OPEN, key)


async def earn(
    session: AsyncSession, key: WalletKey, amount: int, cause: Cause, *, matures_on: date, expires_on: date = NEVER
) -> WalletBalances:
    """Funding -> available, or pending if `matures_on` is later than today. A debt is repaid first.

    Raises:
        CauseRepeated: this cause has earned already.
    """
    values = {"amount": amount, "cause": cause.kind, "cause_id": cause.id}
    return await _execute_operation(session, EARN, key, matures_on=matures_on, expires_on=expires_on, **values)


async def hold(session: AsyncSession, key: WalletKey, amount: int, cause: Cause) -> WalletBalances:
    """Available -> held for an order, from the lots that expire first.

    Raises:
        InsufficientBalance: less is available.
        CauseRepeated: this cause has a hold already.
    """
    return await _execute_operation(session, HOLD, key, amount=amount, cause=cause.kind, cause_id=cause.id)


async def settle(session: AsyncSession, key: WalletKey, amount: int, cause: Cause, *, leg: int = 0) -> WalletBalances:
    """Held -> payable: the order was fulfilled, or the part of it that `leg` numbers.

    Raises:
        HoldExceeded: less of the hold is left, or there is none.
        CauseRepeated: this leg was settled already.
    """
    return await _execute_operation(session, SETTLE, key, amount=amount, cause=cause.kind, cause_id=cause.id, leg=leg)


async def release(session: AsyncSession, key: WalletKey, amount: int, cause: Cause, *, leg: int = 0) -> WalletBalances:
    """Held -> available, into the lots it came from. What has passed its expiry date expires with the next operation.

    Raises:
        HoldExceeded: less of the hold is left, or there is none.
        CauseRepeated: this leg was released already.
    """
    return await _execute_operation(session, RELEASE, key, amount=amount, cause=cause.kind, cause_id=cause.id, leg=leg)


async def claw_back(session: AsyncSession, key: WalletKey, amount: int, earned: Cause, cause: Cause) -> WalletBalances:
    """Claw back all or a part of what a cause earned: from pending, then from lots, then as a debt.

    What its lot has lost to expiry is not clawed back, so less than `amount` may move, or nothing.

    Raises:
        ClawbackExceeded: more than the cause earned in this wallet and was not clawed back yet.
        CauseRepeated: this cause has clawed back already.
    """
    values = {"earned_cause": earned.kind, "earned_id": earned.id, "cause": cause.kind, "cause_id": cause.id}
    return await _execute_operation(session, CLAW_BACK, key, amount=amount, **values)


async def write_off(session: AsyncSession, key: WalletKey, amount: int, cause: Cause) -> WalletBalances:
    """Loss -> available: an old debt becomes a loss of the programme.

    Raises:
        DebtExceeded: the debt is smaller.
        CauseRepeated: this cause was written off already.
    """
    return await _execute_operation(session, WRITE_OFF, key, amount=amount, cause=cause.kind, cause_id=cause.id)


async def correct(session: AsyncSession, key: WalletKey, amount: int, cause: Cause) -> WalletBalances:
    """Available -> funding: a correction by staff, from the lots that expire first. It never makes a debt.

    Raises:
        InsufficientBalance: less is available.
        CauseRepeated: this cause has a correction already.
    """
    return await _execute_operation(session, CORRECT, key, amount=amount, cause=cause.kind, cause_id=cause.id)
