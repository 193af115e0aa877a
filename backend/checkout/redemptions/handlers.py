"""Endpoints of an agent's redemptions: a list, and a live stream."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Response, Router, get
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent

from backend.checkout.redemptions import service as redemptions
from backend.checkout.redemptions.schemas import RedemptionOut, RedemptionPage
from backend.checkout.redemptions.streams import CurrentStreams, position_from_event_id
from backend.core.db.database import Db
from backend.core.http.conditional_requests import conditional_response
from backend.core.http.errors import Busy
from backend.core.http.pagination import CursorInvalid, number_from_cursor, read_page
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.accounts.authentication import CurrentAgent

LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", max_length=64, description="The `id` of the last event received."),
]


@get("/redemptions", responses=error_responses(CursorInvalid))
async def list_redemptions(
    request: HTTPRequest,
    db: Db,
    agent: CurrentAgent,
    after: Annotated[
        str | None, QueryParameter(name="cursor", max_length=64, description="`next` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> Response[RedemptionPage]:
    """Sales with the caller's codes, newest first: shop, amount paid, bonus, returns. The buyer and the basket are not
    included. Supports ETag and 304."""
    read = partial(redemptions.redemption_page, db, agent.account_id, number_from_cursor(after))
    rows, following = await read_page(read, limit, attrgetter("id"))
    return conditional_response(request, RedemptionPage([RedemptionOut.of(row) for row in rows], following))


@get("/redemptions/stream", media_type="text/event-stream", responses=error_responses(Busy))
async def stream_redemptions(
    request: HTTPRequest, streams: CurrentStreams, agent: CurrentAgent, last_event_id: LastEventId = None
) -> Response[RedemptionOut]:
    """Sales and returns with the caller's codes as they happen (server-sent events), within a second.

    `ready`: the stream is open; read the list now. `redemption`, `return`: the redemption as it is now. `reload`: too
    much was missed, read the list. To resume, send the `id` of the last event as `Last-Event-ID`. Delivery is at least
    once. A comment is sent every 15 seconds; a stream ends after an hour, then open a new one.
    """
    address = request.scope["state"]["address"]
    streams.check_capacity(address)
    events = streams.subscribe(agent, position_from_event_id(last_event_id), address)
    # The annotation documents the events; the framework's own type only declares a stream.
    return ServerSentEvent(events)  # type: ignore[return-value]


router = Router("/", route_handlers=[list_redemptions, stream_redemptions], tags=["Promo codes"])
