"""A shop's tills: making them, their tokens, switching them off."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend import tokens
from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Conflict, Invalid, NotFound
from backend.shops.door import PREFIX
from backend.shops.models import Shop, Till
from backend.shops.schemas import TillIn


class TillUnknown(NotFound):
    """The shop has no such till."""


class TillOff(Conflict):
    """This till is switched off. Put it once more to switch it on; it then gets a token."""


class OriginsForWebOnly(Invalid):
    """Only a web shop has pages that may call: leave `origins` out, or make it `web`."""


async def page(session: AsyncSession, shop: Shop, after: str | None, most: int) -> list[Till]:
    """The tills of a shop in the order of their keys, from a place on."""
    rows = select(Till).where(Till.shop_id == shop.id, Till.key > (after or ""))
    return list(await session.scalars(rows.order_by(Till.key).limit(most)))


async def get(session: AsyncSession, shop: Shop, key: str, *, lock: bool = False) -> Till:
    """One till of a shop.

    Raises:
        TillUnknown: there is none.
    """
    row = select(Till).where(Till.shop_id == shop.id, Till.key == key)
    found: Till | None = await session.scalar(row.with_for_update() if lock else row)
    if found is None:
        raise TillUnknown
    return found


async def put(session: AsyncSession, member: Member, shop: Shop, key: str, new: TillIn) -> tuple[Till, str | None]:
    """Make a till, or make it so; one that was switched off comes back with another token. So does one that pages
    called: whoever opened one knows the token, and without origins it would sell. Returns the till and a new token
    that is to be shown.

    Raises:
        OriginsForWebOnly: a till has no pages.
    """
    if new.origins and new.kind != "web":
        raise OriginsForWebOnly
    values = {"kind": new.kind, "needs_cashier": new.needs_cashier, "origins": sorted(set(new.origins))}
    token = tokens.token(PREFIX)
    row = insert(Till).values(shop_id=shop.id, key=key, token_digest=tokens.digest(token), **values)
    made = await session.scalar(row.on_conflict_do_nothing(index_elements=["shop_id", "key"]).returning(Till))
    if made is not None:
        audit.note(session, member, "till.created", id=made.id, shop_id=shop.id)
        return made, token
    found = await get(session, shop, key, lock=True)
    is_known_too_widely = bool(found.origins) and not values["origins"]
    back = found.disabled_at is not None
    await _change(session, member, found, values | {"disabled_at": None})
    return found, await _draw(session, member, found) if back or is_known_too_widely else None


async def _change(session: AsyncSession, member: Member, till: Till, values: dict[str, Any]) -> None:
    changed = [name for name, value in values.items() if getattr(till, name) != value]
    for name in changed:
        setattr(till, name, values[name])
    if changed:
        await session.flush()
        audit.note(session, member, "till.changed", id=till.id, shop_id=till.shop_id, changed=changed)


async def new_token(session: AsyncSession, member: Member, shop: Shop, key: str) -> str:
    """Give a till another token: the old one ends, and so does the shift of whoever stands at it.

    Raises:
        TillUnknown: there is none. TillOff: it would open nothing.
    """
    till = await get(session, shop, key, lock=True)
    if till.disabled_at is not None:
        raise TillOff
    return await _draw(session, member, till)


async def _draw(session: AsyncSession, member: Member, till: Till) -> str:
    token = tokens.token(PREFIX)
    till.token_digest = tokens.digest(token)
    till.cashier_id = till.shift_ends_at = None
    await session.flush()
    audit.note(session, member, "till.token_renewed", id=till.id, shop_id=till.shop_id)
    return token


async def disable(session: AsyncSession, member: Member, shop: Shop, key: str) -> None:
    """Switch a till off: its token opens nothing from now on. Again is harmless.

    Raises:
        TillUnknown: there is none.
    """
    till = await get(session, shop, key, lock=True)
    if till.disabled_at is None:
        till.disabled_at = func.now()
        till.cashier_id = till.shift_ends_at = None
        audit.note(session, member, "till.disabled", id=till.id, shop_id=shop.id)
