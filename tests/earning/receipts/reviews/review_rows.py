"""What decisions of reviewers leave in the tables."""

from sqlalchemy import func, select, update

from backend.core.db.events import Event
from backend.earning.receipts.models import ReceiptLine, ReviewStep
from backend.identity.accounts.models import Account
from tests.make import World


async def steps(world: World) -> list[tuple[str, int, bool]]:
    async with world.db.begin() as session:
        rows = await session.execute(
            select(ReviewStep.action, ReviewStep.amount, ReviewStep.final).order_by(ReviewStep.id)
        )
        return [tuple(row) for row in rows]


async def events_of_kind(world: World, kind: str) -> list[dict]:
    async with world.db.begin() as session:
        return list(await session.scalars(select(Event.body).where(Event.kind == kind).order_by(Event.id)))


async def line_states(world: World) -> list[tuple[str, str | None]]:
    async with world.db.begin() as session:
        rows = await session.execute(select(ReceiptLine.state, ReceiptLine.reason).order_by(ReceiptLine.id))
        return [tuple(row) for row in rows]


async def close_account(world: World) -> None:
    """Close the only account in the moment before its receipts are refused."""
    async with world.db.begin() as session:
        closed = {"closed_at": func.now(), "card_number": None, "recovery_digest": None}
        await session.execute(update(Account).values(closed))
