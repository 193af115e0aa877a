"""Console routes of fraud signals about the brand's redemptions and claims."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self, TypeVarTuple

from litestar import Router, get
from msgspec import Meta
from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.checkout.models import Redemption, Signal
from backend.core.db.database import Session
from backend.core.http.models import ResponseModel
from backend.core.http.pagination import AfterNumber, CursorInvalid, Limit, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.earning.scans.models import ScanSignal
from backend.identity.accounts.models import Account
from backend.identity.brands.authentication import REVIEWERS, CurrentMember, RoleForbids
from backend.reporting.lookups.code_schemas import Card, CodeKind
from backend.reporting.lookups.codes import KINDS

Columns = TypeVarTuple("Columns")
Id = Annotated[int, Meta(examples=[17])]


class RedemptionSignalOut(ResponseModel):
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


class RedemptionSignalPage(ResponseModel):
    """Signals, newest first."""

    items: list[RedemptionSignalOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


class ScanSignalOut(ResponseModel):
    """A rule, the claim in which it saw something, and what it saw. In shadow it changed nothing."""

    id: Id
    rule: Annotated[str, Meta(examples=["taken_at_unlikely"])]
    version: Annotated[int, Meta(examples=[1])]
    shadow: Annotated[bool, Meta(examples=[True])]
    kind: Annotated[CodeKind, Meta(examples=["package"])]
    code_id: Annotated[int, Meta(description="As in the list of scans.", examples=[137438953500])]
    card_number: Card
    inputs: Annotated[dict[str, Any], Meta(examples=[{"taken_at": "2036-01-01T00:00:00+00:00"}])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]

    @classmethod
    def of(cls, row: ScanSignal, card_number: str | None) -> Self:
        return cls(
            row.id,
            row.rule,
            row.version,
            row.shadow,
            KINDS[row.cause],
            row.cause_id,
            card_number or "",
            row.inputs,
            row.at,
        )


class ScanSignalPage(ResponseModel):
    """Signals about claims, newest first."""

    items: list[ScanSignalOut]
    next: Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzE3XQ"])] = None


@get("/fraud-signals", opt=REVIEWERS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_redemption_signals(
    staff: CurrentMember, session: Session, after: AfterNumber = None, limit: Limit = 50
) -> RedemptionSignalPage:
    """What fraud rules saw (docs/checkout.md), newest first."""
    before = number_from_cursor(after) or 2**63 - 1
    query = (
        select(Signal, Redemption)
        .join(Redemption, Redemption.id == Signal.redemption_id)
        .where(Signal.brand_id == staff.brand_id, Signal.id < before)
        .order_by(Signal.id.desc())
    )
    rows, following = await read_page(partial(_rows, session, query), limit, lambda row: row[0].id)
    items = [
        RedemptionSignalOut(
            row.id,
            row.rule,
            row.version,
            row.shadow,
            redemption.id,
            redemption.code_id,
            redemption.shop_id,
            redemption.discount,
            redemption.bonus,
            row.inputs,
            row.at,
        )
        for row, redemption in rows
    ]
    return RedemptionSignalPage(items, following)


async def _rows(session: AsyncSession, query: Select[*Columns], most: int) -> Sequence[Row[*Columns]]:
    return list(await session.execute(query.limit(most)))


@get("/fraud-signals/scans", opt=REVIEWERS, responses=error_responses(RoleForbids, CursorInvalid))
async def list_scan_signals(
    staff: CurrentMember, session: Session, after: AfterNumber = None, limit: Limit = 50
) -> ScanSignalPage:
    """What fraud rules saw in claims of codes, newest first: `taken_at_unlikely` is a phone's time out of bounds."""
    query = (
        select(ScanSignal, Account.card_number)
        .outerjoin(Account, Account.id == ScanSignal.account_id)
        .where(ScanSignal.brand_id == staff.brand_id, ScanSignal.id < (number_from_cursor(after) or 2**63 - 1))
        .order_by(ScanSignal.id.desc())
    )
    rows, following = await read_page(partial(_rows, session, query), limit, lambda row: row[0].id)
    return ScanSignalPage([ScanSignalOut.of(signal, card_number) for signal, card_number in rows], following)


router = Router("/", route_handlers=[list_redemption_signals, list_scan_signals], tags=["Fraud signals"])
