"""What fraud rules saw in the brand's redemptions, for those who review."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Router, get
from msgspec import Meta
from sqlalchemy import select

from backend.brands.door import REVIEWERS, RoleForbids, Staff
from backend.checkout.models import Redemption, Signal
from backend.console.paging import AfterNumber, Limit
from backend.database import Session
from backend.wire import CursorInvalid, Out, cursor, place, raises

Id = Annotated[int, Meta(examples=[17])]


class SignalOut(Out):
    """A rule, the redemption in which it saw something, and what it saw. In shadow it changed nothing."""

    id: Id
    rule: Annotated[str, Meta(examples=["own_code"])]
    version: Annotated[int, Meta(examples=[1])]
    shadow: Annotated[bool, Meta(examples=[False])]
    redemption: Id
    code_id: Id
    shop_id: Id
    discount: Annotated[int, Meta(description="Kopecks.", examples=[1250])]
    bonus: Annotated[int, Meta(description="Minor units.", examples=[0])]
    inputs: Annotated[dict[str, Any], Meta(examples=[{"gross": 2375}])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class SignalPage(Out):
    """Signals, newest first."""

    items: list[SignalOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


@get("/fraud-signals", opt=REVIEWERS, responses=raises(RoleForbids, CursorInvalid))
async def list_signals(staff: Staff, session: Session, after: AfterNumber = None, limit: Limit = 50) -> SignalPage:
    """What fraud rules saw (docs/checkout.md), newest first."""
    before = place(after) or 2**63 - 1
    rows = (
        await session.execute(
            select(Signal, Redemption)
            .join(Redemption, Redemption.id == Signal.redemption_id)
            .where(Signal.brand_id == staff.brand_id, Signal.id < before)
            .order_by(Signal.id.desc())
            .limit(limit + 1)
        )
    ).all()
    items = [
        SignalOut(
            row.id, row.rule, row.version, row.shadow, used.id, used.code_id, used.shop_id, used.discount, used.bonus,
            row.inputs, row.at,
        )
        for row, used in rows[:limit]
    ]  # fmt: skip
    return SignalPage(items, cursor(items[-1].id) if len(rows) > limit else None)


router = Router("/", route_handlers=[list_signals], tags=["Fraud"])
