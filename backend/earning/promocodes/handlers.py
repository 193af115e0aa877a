"""An agent's promo codes."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, put
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Db, Session
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.errors import BodyChanged, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.pagination import CursorInvalid, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.core.settings import Settings
from backend.earning.promocodes import available_offers, code_counters, service
from backend.earning.promocodes.available_offers import PromoOfferPage
from backend.earning.promocodes.models import PromoCode
from backend.earning.promocodes.schemas import (
    RUNS,
    PromoCodeIn,
    PromoCodeOut,
    PromoCodePage,
    PromoCodeRunIn,
    PromoCodeRunOut,
)
from backend.earning.promocodes.words import code_parser, code_words
from backend.identity.accounts.authentication import CurrentAgent
from backend.programmes.rules.explanation import CurrentRuleVersions
from backend.programmes.rules.rule_cache import CurrentRuleCache

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")]
RunNumber = Annotated[int, PathParameter(ge=1, le=RUNS, description="The part after the dot in the run's link.")]


@put(
    "/promo-codes/{key:uuid}",
    responses=error_responses(
        BodyChanged,
        TooManyRequests,
        service.PromoOfferUnknown,
        service.RequestedWordInUse,
        service.RequestedWordOwned,
        service.CodesFull,
        code_words.RequestedWordLength,
        code_words.RequestedWordForbidden,
    ),
)
async def put_promo_code(
    db: Db,
    session: Session,
    settings: CurrentSettings,
    rule_cache: CurrentRuleCache,
    agent: CurrentAgent,
    now: Now,
    key: FromPath[UUID],
    data: JSONBody[PromoCodeIn],
) -> PromoCodeOut:
    """Create a promo code under an id that the phone chooses, with a requested word or one drawn at random.

    Idempotent: the same id with the same body gets the first response again. A code does not change after it is made,
    except for added runs. The word of a closed code without uses is free again.
    """
    context = service.CreationContext(db, rule_cache, settings, agent.network)
    code = await service.create_code(session, context, agent.account_id, key, data, now)
    return await _code_response(session, settings, key, code)


@put(
    "/promo-codes/{key:uuid}/open",
    responses=error_responses(
        service.PromoCodeUnknown,
        service.PromoOfferUnknown,
        service.RequestedWordInUse,
        service.CodesFull,
        TooManyRequests,
    ),
)
async def reopen_promo_code(
    db: Db,
    session: Session,
    settings: CurrentSettings,
    rule_cache: CurrentRuleCache,
    agent: CurrentAgent,
    now: Now,
    key: FromPath[UUID],
) -> PromoCodeOut:
    """Reopen a closed code while its offer runs: printed cards work as before. An open code does not change."""
    context = service.CreationContext(db, rule_cache, settings, agent.network)
    return await _code_response(
        session, settings, key, await service.reopen_code(session, context, agent.account_id, key, now)
    )


@put(
    "/promo-codes/{key:uuid}/runs/{n:int}",
    responses=error_responses(service.PromoCodeUnknown, service.PromoCodeClosed, BodyChanged),
)
async def put_promo_code_run(
    session: Session,
    settings: CurrentSettings,
    agent: CurrentAgent,
    key: FromPath[UUID],
    n: RunNumber,
    data: JSONBody[PromoCodeRunIn],
) -> PromoCodeOut:
    """Add a run (a way of sharing) to a code under a number that it has not used. Idempotent."""
    return await _code_response(
        session, settings, key, await service.put_run(session, agent.account_id, key, n, data.name)
    )


async def _code_response(session: AsyncSession, settings: Settings, key: UUID, code: PromoCode) -> PromoCodeOut:
    """The current state of a code."""
    shown = code.shown or code.code
    runs = [
        PromoCodeRunOut(run.n, run.name, code_parser.short_link(settings.base_url, shown, run.n))
        for run in await service.named_runs(session, code.id)
    ]
    programme_id = await service.programme_id_of(session, code)
    link = code_parser.short_link(settings.base_url, shown)
    return PromoCodeOut(key, shown, link, programme_id, code.campaign_id, runs, code.nickname or "")


@delete("/promo-codes/{key:uuid}", responses=error_responses(service.PromoCodeUnknown))
async def close_promo_code(session: Session, agent: CurrentAgent, key: FromPath[UUID]) -> None:
    """Close a code: tills no longer accept it. Its bonuses stay, and it can be reopened."""
    await service.close_code(session, agent.account_id, key)


@get("/promo-codes", responses=error_responses(CursorInvalid))
async def list_promo_codes(
    request: HTTPRequest,
    db: Db,
    settings: CurrentSettings,
    agent: CurrentAgent,
    versions: CurrentRuleVersions,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=50)] = 20,
) -> Response[PromoCodePage]:
    """The caller's codes, newest first, with the counters of each run. ETag and 304."""
    read = partial(code_counters.list_codes_with_counters, db, agent.account_id, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    loaded_versions = await versions.load(row.version_id for row in rows)
    items = [code_counters.counted_code(row, loaded_versions, settings.base_url) for row in rows]
    return conditional_response(request, PromoCodePage(items, following))


@get("/promo-offers", responses=error_responses(CursorInvalid))
async def list_promo_offers(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,  # noqa: ARG001 - only signed-in agents may call
    settings: CurrentSettings,
    versions: CurrentRuleVersions,
    now: Now,
    programme_id: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1, description="Of this programme.")] = None,
    after: Cursor = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> Response[PromoOfferPage]:
    """Offers for which agents may create codes now, newest first: discount, bonus, limits on uses, state of the budget
    and allowed lengths of a word. ETag and 304."""
    read = partial(available_offers.list_available_offers, db, now, programme_id, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    loaded_versions = await versions.load(row.version_id for row in rows)
    low = settings.numbers.at("budget_low_percent", now.date())
    items = [available_offers.offer_response(row, loaded_versions, low) for row in rows]
    return conditional_response(request, PromoOfferPage(items, following))


router = Router(
    "/",
    route_handlers=[
        put_promo_code,
        close_promo_code,
        reopen_promo_code,
        put_promo_code_run,
        list_promo_codes,
        list_promo_offers,
    ],
    tags=["Promo codes"],
)
