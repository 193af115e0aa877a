"""The feed of an agent: who came with his codes, by page and live."""

from typing import Annotated, Any

from litestar import Request, Response, Router, get
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent

from backend.accounts.door import SignedIn
from backend.checkout import feed
from backend.checkout.feed_schemas import RedemptionOut, RedemptionPage
from backend.checkout.streams import TheStreams, read_mark
from backend.database import Db
from backend.errors import Busy
from backend.wire import CursorInvalid, cursor, place, raises, with_etag

LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", max_length=64, description="The `id` of the last event that came."),
]


@get("/redemptions", responses=raises(CursorInvalid))
async def list_redemptions(
    request: Request[Any, Any, Any],
    db: Db,
    agent: SignedIn,
    after: Annotated[
        str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[RedemptionPage]:
    """Sales with the caller's codes, newest first: where, what was paid, the bonus, and what came back. Nothing in it
    names the buyer or the basket. ETag and 304."""
    rows = await feed.page(db, agent.account_id, place(after), limit + 1)
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return with_etag(request, RedemptionPage([RedemptionOut.of(row) for row in rows[:limit]], following))


@get("/redemptions/stream", media_type="text/event-stream", responses=raises(Busy))
async def stream_redemptions(
    streams: TheStreams, agent: SignedIn, last_event_id: LastEventId = None
) -> Response[RedemptionOut]:
    """Sales and returns with the caller's codes as they happen (server-sent events), within a second.

    `ready`: the stream is open; read the list now. `redemption`, `return`: the redemption as it stands now. `reload`:
    too much was missed, read the list. The `id` of an event is where to go on: send it as `Last-Event-ID`. An event may
    come twice, never is one left out. A comment comes each 15 seconds; a stream ends after an hour, come again.
    """
    streams.admit()
    events = streams.watch(agent, read_mark(last_event_id))
    # The annotation is what the events hold; the framework's own says only that it streams.
    return ServerSentEvent(events)  # type: ignore[return-value]


router = Router("/", route_handlers=[list_redemptions, stream_redemptions], tags=["Promo codes"])
