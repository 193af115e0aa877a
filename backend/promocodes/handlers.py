"""An agent's promo codes."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, put
from litestar.params import FromPath, JSONBody, QueryParameter

from backend.accounts.door import SignedIn
from backend.database import Db, Session
from backend.errors import BodyChanged, TooManyRequests
from backend.programmes.explain import TheVersions
from backend.programmes.offers import TheBooks
from backend.promocodes import listing, on_offer, service, spelling, wishes
from backend.promocodes.on_offer import PromoOfferPage
from backend.promocodes.schemas import PromoCodeIn, PromoCodeOut, PromoCodePage, RunOut
from backend.wire import CursorInvalid, Now, TheSettings, cursor, place, raises, with_etag

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]


@put(
    "/promo-codes/{key:uuid}",
    responses=raises(
        BodyChanged,
        TooManyRequests,
        service.PromoOfferUnknown,
        service.WishTaken,
        service.CodesFull,
        wishes.WishLength,
        wishes.WishForbidden,
    ),
)
async def put_promo_code(
    db: Db,
    session: Session,
    settings: TheSettings,
    books: TheBooks,
    agent: SignedIn,
    now: Now,
    key: FromPath[UUID],
    data: JSONBody[PromoCodeIn],
) -> PromoCodeOut:
    """Make a code to recommend with, under an id that the phone makes: with a word of one's own, or drawn at random.

    The same id with the same body gets the first answer again. A code stays as it was made; close it, make another.
    """
    maker = service.Maker(db, books, settings)
    made = await service.make(session, maker, agent.account_id, key, data, now)
    shown = made.shown or made.code
    runs = [
        RunOut(run.n, run.name, spelling.link(settings.base_url, shown, run.n))
        for run in await service.runs(session, made.id)
    ]
    link = spelling.link(settings.base_url, shown)
    return PromoCodeOut(key, shown, link, data.programme_id, made.campaign_id, runs, made.nickname or "")


@delete("/promo-codes/{key:uuid}", responses=raises(service.PromoCodeUnknown))
async def close_promo_code(session: Session, agent: SignedIn, key: FromPath[UUID]) -> None:
    """Close a code for good: no till takes it any more. What it brought stays."""
    await service.close(session, agent.account_id, key)


@get("/promo-codes", responses=raises(CursorInvalid))
async def list_promo_codes(
    request: Request[Any, Any, Any],
    db: Db,
    settings: TheSettings,
    agent: SignedIn,
    versions: TheVersions,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=50)] = 20,
) -> Response[PromoCodePage]:
    """The caller's codes, newest first, each run with what it brought. ETag and 304."""
    rows = await listing.page(db, agent.account_id, place(after), limit + 1)
    known = await versions.load(row.version_id for row in rows)
    items = [listing.counted(row, known, settings.base_url) for row in rows[:limit]]
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return with_etag(request, PromoCodePage(items, following))


@get("/promo-offers", responses=raises(CursorInvalid))
async def list_promo_offers(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,  # noqa: ARG001 - the door asks
    versions: TheVersions,
    now: Now,
    programme_id: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1, description="Of this programme.")] = None,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> Response[PromoOfferPage]:
    """What agents may make codes for now, newest first: what the buyer gets, what the agent gets, how long a word may
    be. ETag and 304."""
    rows = await on_offer.page(db, now, programme_id, place(after), limit + 1)
    known = await versions.load(row.version_id for row in rows)
    items = [on_offer.offered(row, known) for row in rows[:limit]]
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return with_etag(request, PromoOfferPage(items, following))


router = Router(
    "/",
    route_handlers=[put_promo_code, close_promo_code, list_promo_codes, list_promo_offers],
    tags=["Promo codes"],
)
