"""A shop's tills: create, change, replace tokens, switch off."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, Invalid, NotFound
from backend.core.security import tokens
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.shops.authentication import PREFIX
from backend.shops.models import Shop, Till
from backend.shops.schemas import TillIn


class TillUnknown(NotFound):
    """The shop has no such till."""

    code = "till_unknown"


class TillOff(Conflict):
    """This till is switched off. Put it once more to switch it on; it then gets a token."""

    code = "till_off"


class OriginsForWebOnly(Invalid):
    """Only a web shop has pages that may call: leave `origins` out, or make it `web`."""

    code = "origins_for_web_only"


async def list_tills(session: AsyncSession, shop: Shop, after: str | None, limit: int) -> list[Till]:
    """A page of a shop's tills in the order of their keys, after `after`."""
    rows = select(Till).where(Till.shop_id == shop.id, Till.key > (after or ""))
    return list(await session.scalars(rows.order_by(Till.key).limit(limit)))


async def get_till(session: AsyncSession, shop: Shop, key: str, *, lock: bool = False) -> Till:
    """One till of a shop.

    Raises:
        TillUnknown: there is none.
    """
    row = select(Till).where(Till.shop_id == shop.id, Till.key == key)
    till: Till | None = await session.scalar(row.with_for_update() if lock else row)
    if till is None:
        raise TillUnknown
    return till


async def put_till(session: AsyncSession, member: Member, shop: Shop, key: str, new: TillIn) -> tuple[Till, str | None]:
    """Create or change a till. Returns it, with a token if that is new.

    A till that was switched off gets another token. So does one that loses its origins: visitors of its pages know the
    token, and without origins it may sell.

    Raises:
        OriginsForWebOnly: a till has no pages.
    """
    if new.origins and new.kind != "web":
        raise OriginsForWebOnly
    values = {"kind": new.kind, "needs_cashier": new.needs_cashier, "origins": sorted(set(new.origins))}
    token = tokens.token(PREFIX)
    row = insert(Till).values(shop_id=shop.id, key=key, token_digest=tokens.digest(token), **values)
    created = await session.scalar(row.on_conflict_do_nothing(index_elements=["shop_id", "key"]).returning(Till))
    if created is not None:
        audit_log.record(session, member, "till.created", id=created.id, shop_id=shop.id)
        return created, token
    till = await get_till(session, shop, key, lock=True)
    was_public = bool(till.origins) and not values["origins"]
    was_disabled = till.disabled_at is not None
    await _change_till(session, member, till, values | {"disabled_at": None})
    return till, await _renew_token(session, member, till) if was_disabled or was_public else None


async def _change_till(session: AsyncSession, member: Member, till: Till, values: dict[str, object]) -> None:
    changed = [name for name, value in values.items() if getattr(till, name) != value]
    for name in changed:
        setattr(till, name, values[name])
    if changed:
        await session.flush()
        audit_log.record(session, member, "till.changed", id=till.id, shop_id=till.shop_id, changed=changed)


async def replace_token(session: AsyncSession, member: Member, shop: Shop, key: str) -> str:
    """Replace a till's token. The old token and the current shift end.

    Raises:
        TillUnknown: there is none. TillOff: it is switched off.
    """
    till = await get_till(session, shop, key, lock=True)
    if till.disabled_at is not None:
        raise TillOff
    return await _renew_token(session, member, till)


async def _renew_token(session: AsyncSession, member: Member, till: Till) -> str:
    token = tokens.token(PREFIX)
    till.token_digest = tokens.digest(token)
    till.cashier_id = till.shift_ends_at = None
    await session.flush()
    audit_log.record(session, member, "till.token_renewed", id=till.id, shop_id=till.shop_id)
    return token


async def disable_till(session: AsyncSession, member: Member, shop: Shop, key: str) -> None:
    """Switch a till off: its token is invalid from now on. Idempotent.

    Raises:
        TillUnknown: there is none.
    """
    till = await get_till(session, shop, key, lock=True)
    if till.disabled_at is None:
        till.disabled_at = func.now()
        till.cashier_id = till.shift_ends_at = None
        audit_log.record(session, member, "till.disabled", id=till.id, shop_id=shop.id)
