"""The application: routes by caller, dependencies, and what opens and closes with it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.routes import HTTPRoute
from sqlalchemy.ext.asyncio import AsyncSession

from backend import staff_routes
from backend.checkout import handlers as checkout
from backend.checkout.redemptions import handlers as feed
from backend.checkout.redemptions.streams import RedemptionStreams
from backend.checkout.sales.quote_request import CheckoutContext, CurrentCheckout
from backend.checkout.settlements import handlers as settlement
from backend.core import logs
from backend.core.db.database import REQUEST_TIMEOUTS, Database, Db
from backend.core.http import error_handlers, middleware
from backend.core.http.connections.limits import capacity
from backend.core.http.openapi.specification import CONFIG, document, written
from backend.core.http.request_validation import StrictRequest, reject_unknown_parameters, strict_guard
from backend.core.http.requests import HTTPRequest
from backend.core.http.spool import Spool
from backend.core.security import tokens
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.core.storage.store import create_store
from backend.earning import units
from backend.earning.packages import service as packages
from backend.earning.packages.batch_cache import BatchCache
from backend.earning.promocodes import handlers as promocodes
from backend.earning.promocodes.cards import handlers as cards
from backend.earning.promocodes.cards.renderer import CardRenderer
from backend.earning.receipts import handlers as receipts
from backend.earning.receipts import photo_handlers
from backend.earning.receipts.verification import callback_handlers as callbacks
from backend.earning.receipts.verification.callback_handlers import CallbackProviders
from backend.earning.scans import handlers as scans
from backend.earning.scans import intake
from backend.earning.scans.code_details import ProductNames
from backend.earning.scans.pictures import handlers as photo_intake
from backend.earning.scans.pictures import picture_time
from backend.earning.scans.pictures.decoder import Decoder
from backend.earning.scans.recorder import ScanRecorder
from backend.earning.scans.service import CurrentScanContext, ScanContext
from backend.identity.accounts import authentication as agent_authentication
from backend.identity.accounts import handlers as accounts
from backend.identity.accounts.authentication import Agent
from backend.identity.accounts.invitations import handlers as invitations
from backend.identity.brands import authentication as staff_authentication
from backend.identity.brands import handlers as brands
from backend.identity.brands.authentication import CurrentMember, Member
from backend.identity.brands.second_factors import handlers as second_factors
from backend.notifications.watchers import Watchers
from backend.operations import health, key_rotation
from backend.privacy import handlers as privacy
from backend.programmes.campaigns import agent_handlers as earning_campaigns
from backend.programmes.rules.explanation import RuleVersionCache
from backend.programmes.rules.rule_cache import RuleCache
from backend.shops import authentication as till_authentication
from backend.shops import cors
from backend.shops import handlers as shops
from backend.shops.authentication import TillIdentity
from backend.spending.gift_cards import handlers as gift_card_handlers
from backend.spending.limits import handlers as identity
from backend.spending.orders import handlers as offers
from backend.spending.wallets import handlers as wallets
from backend.spending.wallets.statements import handlers as statements
from backend.web import certificate as certificate_page
from backend.web import handlers as web
from backend.web import promo as promo_page

MAX_BODY_BYTES = 8 * 2**20 + 65536  # routes for larger files have a limit of their own


def provide_agent(request: HTTPRequest, scan_context: CurrentScanContext) -> Agent:  # noqa: ARG001
    """The agent that the guard authenticated.

    The parameter `scan_context` only makes this run after it: the framework starts a task for each of several
    dependencies that could be resolved at once, which costs more than both.
    """
    agent: Agent = request.scope["state"]["agent"]
    return agent


def provide_staff(request: HTTPRequest) -> Member:
    """The member of staff that the guard authenticated."""
    member: Member = request.state.member
    return member


def provide_till(request: HTTPRequest, checkout: CurrentCheckout) -> TillIdentity:  # noqa: ARG001
    """The till that the guard authenticated. The parameter `checkout` is there for the reason given above."""
    till: TillIdentity = request.scope["state"]["till"]
    return till


async def open_brand_session(db: Db, staff: CurrentMember) -> AsyncGenerator[AsyncSession, None]:
    """One request is one transaction, which sees one brand in the console."""
    async with staff_authentication.brand_transaction(db, staff) as session:
        yield session


async def open_session(db: Db) -> AsyncGenerator[AsyncSession, None]:
    """One request is one transaction: returning commits, raising rolls back."""
    async with db.begin() as session:
        yield session


def current_time() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)


def provide_from_state(name: str) -> Provide:
    """A dependency that lives as long as the application."""

    def provide(state: State) -> Any:
        return state[name]

    return Provide(provide, sync_to_thread=False)


DEPENDENCIES = {
    "db": provide_from_state("db"),
    "settings": provide_from_state("settings"),
    "passwords": provide_from_state("passwords"),
    "rule_cache": provide_from_state("rule_cache"),
    "versions": provide_from_state("versions"),
    "decoder": provide_from_state("decoder"),
    "files": provide_from_state("files"),
    "scan_context": provide_from_state("scan_context"),
    "pack_codes": provide_from_state("pack_codes"),
    "card_renderer": provide_from_state("card_renderer"),
    "checkout": provide_from_state("checkout"),
    "callbacks": provide_from_state("callbacks"),
    "streams": provide_from_state("streams"),
    "watchers": provide_from_state("watchers"),
    "spool": provide_from_state("spool"),
    "now": Provide(current_time, sync_to_thread=False),
    "session": Provide(open_session),
}


def _agent_router() -> Router:
    return Router(
        "/",
        route_handlers=[
            accounts.router,
            invitations.router,
            wallets.router,
            statements.router,
            scans.router,
            receipts.router,
            photo_handlers.router,
            photo_intake.router,
            earning_campaigns.router,
            promocodes.router,
            feed.router,
            cards.router,
            offers.router,
            units.router,
            identity.router,
            privacy.router,
        ],
        guards=[strict_guard(agent_authentication.guard)],
        dependencies={"agent": Provide(provide_agent, sync_to_thread=False)},
        security=[{"agent": []}],
    )


def _staff_router() -> Router:
    return Router(
        "/",
        route_handlers=[brands.router, second_factors.router, staff_routes.router],
        guards=[strict_guard(staff_authentication.guard)],
        dependencies={"staff": Provide(provide_staff, sync_to_thread=False), "session": Provide(open_brand_session)},
        security=[{"staff": []}],
    )


def _till_router() -> Router:
    return Router(
        "/till",
        route_handlers=[checkout.router, gift_card_handlers.router, shops.router, settlement.router],
        guards=[strict_guard(till_authentication.guard)],
        dependencies={"till": Provide(provide_till, sync_to_thread=False)},
        security=[{"till": []}],
    )


def _public_router() -> Router:
    return Router(
        "/",
        route_handlers=[
            accounts.public_router,
            invitations.public_router,
            callbacks.strangers,
            statements.public_router,
            brands.public_router,
            second_factors.public_router,
        ],
        guards=[reject_unknown_parameters],
    )


def api() -> Router:
    """All routes of the API, by caller."""
    return Router("/v1", route_handlers=[_public_router(), _agent_router(), _staff_router(), _till_router()])


@cache
def description() -> str:
    """The API's description (OpenAPI 3.1), made on first use."""
    return written(document(Litestar([api()], dependencies=DEPENDENCIES, openapi_config=CONFIG)))


def _resolve_sequentially(app: Litestar) -> None:
    """Resolve dependencies of handlers one after another: the framework would make a task of each, which costs more
    than all of ours do (litestar #4563)."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                model.dependency_batches = [{dependency} for batch in model.dependency_batches for dependency in batch]


def _create_decoder(settings: Settings, db: Database, now: datetime) -> Decoder:
    return Decoder(
        workers=settings.decoders,
        seconds=settings.numbers.at("picture_seconds", now.date()),
        pdf_seconds=settings.numbers.at("pdf_seconds", now.date()),
        limits=intake.picture_limits(settings, now),
        charge=picture_time.charge_function(db),
    )


def create_app(settings: Settings, is_stopping: Callable[[], bool] = lambda: False) -> Litestar:
    """Create the application. Its connections and subprocesses open with its lifespan. Streams, which never end by
    themselves, end when `is_stopping` is true."""
    logs.configure(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None, None]:
        db = Database(settings.database_url, settings.pool_size, timeouts=REQUEST_TIMEOUTS)
        passwords = Passwords(settings.peppers)
        files = create_store(settings)
        decoder = _create_decoder(settings, db, current_time())
        await db.open()
        async with decoder, key_rotation.watching(db, settings):
            scan_context = ScanContext(
                db,
                settings,
                RuleCache(db),
                RuleVersionCache(db),
                decoder,
                BatchCache(),
                files,
                ScanRecorder(db),
                ProductNames(db),
            )
            app.state.update(
                {
                    "db": db,
                    "passwords": passwords,
                    "rule_cache": scan_context.rule_cache,
                    "versions": scan_context.versions,
                    "decoder": decoder,
                    "files": files,
                    "scan_context": scan_context,
                    "pack_codes": partial(packages.printed_code, settings),
                    "card_renderer": CardRenderer(files, db),
                    "spool": Spool(settings.data),
                    "tills": till_authentication.TillAuthenticator(db),
                    "checkout": CheckoutContext.of(db, settings, scan_context.rule_cache),
                    "streams": RedemptionStreams(db, most=capacity(settings.connections) // 2, is_stopping=is_stopping),
                    "watchers": Watchers(db, is_stopping=is_stopping),
                    "known": tokens.TokenCache[Agent](agent_authentication.CACHE_SECONDS),
                }
            )
            try:
                yield
            finally:
                await app.state["streams"].close()
                files.close()
                passwords.close()
                await db.close()

    app = Litestar(
        route_handlers=[api(), web.router, promo_page.router, certificate_page.router, health.router],
        dependencies=DEPENDENCIES | {"description": Provide(description, sync_to_thread=True)},
        state=State({"settings": settings, "callbacks": CallbackProviders.of(settings)}),
        lifespan=[lifespan],
        exception_handlers=error_handlers.HANDLERS,
        request_class=StrictRequest,
        openapi_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        debug=False,
    )
    _resolve_sequentially(app)
    # Outside the framework, whose own middleware does not see an unknown path or a wrong method.
    around = middleware.create_middleware(settings.trusted_proxies, is_https=settings.base_url.startswith("https:"))
    app.asgi_handler = around(cors.middleware(app.state)(app.asgi_handler))
    return app
