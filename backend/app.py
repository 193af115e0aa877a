"""The application: doors, what hangs behind each, and what a request may ask for."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.routes import HTTPRoute
from sqlalchemy.ext.asyncio import AsyncSession

from backend import edge, health, logs, tokens
from backend.accounts import door as agent_door
from backend.accounts import handlers as accounts
from backend.accounts.door import Agent
from backend.brands import door as staff_door
from backend.brands import handlers as brands
from backend.brands.door import Member, Staff
from backend.checkout import feed_handlers as feed
from backend.checkout import handlers as checkout
from backend.checkout import statement_handlers as settlement
from backend.checkout.asking import Checkout, TheCheckout
from backend.checkout.streams import Streams
from backend.console import routes as console
from backend.database import Database, Db
from backend.files.store import store
from backend.offers import certificate_handlers as certificates
from backend.offers import handlers as offers
from backend.offers import identity_handlers as identity
from backend.offers import units
from backend.offers.watching import Watches
from backend.openapi.document import CONFIG, document, written
from backend.packages.known import Spans
from backend.passwords import Passwords
from backend.privacy import handlers as privacy
from backend.programmes.explain import Versions
from backend.programmes.offers import Books
from backend.promocodes import card_handlers as cards
from backend.promocodes import handlers as promocodes
from backend.promocodes.studio import Studio
from backend.receipts import callbacks, photo_handlers
from backend.receipts import handlers as receipts
from backend.receipts.callbacks import Callbacks
from backend.scans import handlers as scans
from backend.scans import intake
from backend.scans import photo_handlers as photo_intake
from backend.scans.decoder import Decoder
from backend.scans.recorder import Recorder
from backend.scans.service import Desk, TheDesk
from backend.settings import Settings
from backend.shops import cors
from backend.shops import door as till_door
from backend.shops import handlers as shops
from backend.shops.door import TillAt
from backend.strict import StrictRequest, only_what_is_described
from backend.wallets import handlers as wallets
from backend.wallets import statement_handlers as statements
from backend.web import handlers as web
from backend.web import promo as promo_page


def the_agent(request: Request[Any, Any, Any], desk: TheDesk) -> Agent:  # noqa: ARG001
    """Who calls at the agents' door: the guard has asked already.

    Wants the desk only to come after it: the framework starts a task for each of several things that could be had at
    once, which costs more than both.
    """
    agent: Agent = request.scope["state"]["agent"]
    return agent


def the_staff(request: Request[Any, Any, Any]) -> Member:
    """Who calls at the staff's door: the guard has asked already."""
    member: Member = request.state.member
    return member


def the_till(request: Request[Any, Any, Any], checkout: TheCheckout) -> TillAt:  # noqa: ARG001
    """Which till calls: the guard knows it. Wants the checkout for an agent's reason to want the desk."""
    till: TillAt = request.scope["state"]["till"]
    return till


async def the_brand_session(db: Db, staff: Staff) -> AsyncGenerator[AsyncSession, None]:
    """One request is one transaction, and at the staff's door it sees one brand."""
    async with staff_door.transaction(db, staff) as session:
        yield session


async def the_session(db: Db) -> AsyncGenerator[AsyncSession, None]:
    """One request is one transaction: returning commits, raising undoes everything."""
    async with db.begin() as session:
        yield session


def the_time() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)


def of_state(name: str) -> Provide:
    """Something that the application holds for its whole life."""

    def provide(state: State) -> Any:
        return state[name]

    return Provide(provide, sync_to_thread=False)


DEPENDENCIES = {
    "db": of_state("db"),
    "settings": of_state("settings"),
    "passwords": of_state("passwords"),
    "books": of_state("books"),
    "versions": of_state("versions"),
    "decoder": of_state("decoder"),
    "files": of_state("files"),
    "desk": of_state("desk"),
    "studio": of_state("studio"),
    "checkout": of_state("checkout"),
    "callbacks": of_state("callbacks"),
    "streams": of_state("streams"),
    "watches": of_state("watches"),
    "now": Provide(the_time, sync_to_thread=False),
    "session": Provide(the_session),
}


def api() -> Router:
    """The doors, and what hangs behind each."""
    agents = Router(
        "/",
        route_handlers=[
            accounts.router,
            wallets.router,
            statements.router,
            scans.router,
            receipts.router,
            photo_handlers.router,
            photo_intake.router,
            promocodes.router,
            feed.router,
            cards.router,
            offers.router,
            units.router,
            identity.router,
            privacy.router,
        ],
        guards=[agent_door.guard],
        dependencies={"agent": Provide(the_agent, sync_to_thread=False)},
        security=[{"agent": []}],
    )
    staff = Router(
        "/",
        route_handlers=[brands.router, console.router],
        guards=[staff_door.guard],
        dependencies={"staff": Provide(the_staff, sync_to_thread=False), "session": Provide(the_brand_session)},
        security=[{"staff": []}],
    )
    tills = Router(
        "/till",
        route_handlers=[checkout.router, certificates.router, shops.router, settlement.router],
        guards=[till_door.guard],
        dependencies={"till": Provide(the_till, sync_to_thread=False)},
        security=[{"till": []}],
    )
    doors = [accounts.strangers, callbacks.strangers, statements.strangers, agents, brands.strangers, staff, tills]
    return Router("/v1", route_handlers=doors, guards=[only_what_is_described])


@cache
def description() -> str:
    """The API's description (OpenAPI 3.1), made when somebody first asks for it."""
    return written(document(Litestar([api()], dependencies=DEPENDENCIES, openapi_config=CONFIG)))


def _resolve_in_turn(app: Litestar) -> None:
    """Let what handlers depend on be resolved one after another: the framework makes a task of each, which costs more
    than all of ours do (litestar #4563)."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                model.dependency_batches = [{one} for batch in model.dependency_batches for one in batch]


def create_app(settings: Settings, is_stopping: Callable[[], bool] = lambda: False) -> Litestar:
    """Put the application together; its connections and helpers open with its lifespan. Streams, which are never over,
    end when it is stopping."""
    logs.configure(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncGenerator[None, None]:
        db = Database(settings.database_url, settings.pool_size)
        passwords = Passwords(settings.pepper)
        files = store(settings)
        now = the_time()
        decoder = Decoder(
            workers=settings.decoders,
            seconds=settings.numbers.at("picture_seconds", now.date()),
            limits=intake.limits(settings, now),
        )
        await db.open()
        async with decoder:
            desk = Desk(db, settings, Books(db), Versions(db), decoder, Spans(), files, Recorder(db))
            app.state.update(
                {
                    "db": db,
                    "passwords": passwords,
                    "books": desk.books,
                    "versions": desk.versions,
                    "decoder": decoder,
                    "files": files,
                    "desk": desk,
                    "studio": Studio(files),
                    "tills": till_door.Tills(db),
                    "checkout": Checkout.of(db, settings, desk.books),
                    "streams": Streams(db, is_stopping=is_stopping),
                    "watches": Watches(db, is_stopping=is_stopping),
                    "known": tokens.Known[Agent](agent_door.KNOWN_SECONDS),
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
        route_handlers=[api(), web.router, promo_page.router, health.router],
        dependencies=DEPENDENCIES | {"description": Provide(description, sync_to_thread=True)},
        state=State({"settings": settings, "callbacks": Callbacks.of(settings)}),
        lifespan=[lifespan],
        exception_handlers=edge.HANDLERS,
        request_class=StrictRequest,
        openapi_config=None,
        request_max_body_size=settings.numbers.at("picture_bytes", datetime.now(UTC).date()) + 65536,
        logging_config=None,
        debug=False,
    )
    _resolve_in_turn(app)
    # Around everything: the framework's own middleware does not see an unknown address or a wrong method.
    app.asgi_handler = edge.middleware(settings.trusted_proxies)(cors.middleware(app.state)(app.asgi_handler))
    return app
