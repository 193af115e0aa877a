"""Cards of the agent's own codes, as PNG, SVG or PDF."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from backend.accounts.door import SignedIn
from backend.database import Database, Db
from backend.errors import Conflict, NotFound
from backend.promocodes import shown
from backend.promocodes.cards.content import MEDIA_TYPES, Card, Kind, Size, fingerprint
from backend.promocodes.service import PromoCodeUnknown
from backend.promocodes.shown import Shown
from backend.promocodes.spelling import LAST_RUN
from backend.promocodes.studio import Studio, StudioBusy, TheStudio
from backend.wire import ETAG_HEADER, Now, TheSettings, raises

LINK_SECONDS = 300
# An SVG is a document: opened by itself it runs nothing and loads nothing but its own logo.
STANDS_ALONE = "default-src 'none'; img-src data:; frame-ancestors 'none'"
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Accept-Language, Authorization"}
PUBLIC = {"Cache-Control": "public, max-age=600", "Vary": "Accept-Language"}

SizeQuery = Annotated[Size, QueryParameter(name="size", description="What the card is for.")]
RunQuery = Annotated[int, QueryParameter(name="run", ge=0, le=LAST_RUN, description="Which way of sharing; 0: none.")]


class PromoRunUnknown(NotFound):
    """This code of yours has no such run."""


class PromoCodeOver(Conflict):
    """This promo code is closed or its offer has ended: a card would promise what nobody gets."""


def _responses(kind: Kind) -> dict[int, ResponseSpec]:
    said = "The card, read back before it was stored; a business card's PDF is ten on an A4 sheet with cut marks."
    card = ResponseSpec(bytes, media_type=MEDIA_TYPES[kind], description=said, generate_examples=False)
    elsewhere = ResponseSpec(None, description="It lies at the address in `Location`, for five minutes.")
    return {200: card, 307: elsewhere} | raises(PromoCodeUnknown, PromoRunUnknown, PromoCodeOver, StudioBusy)


class OwnCard(NamedTuple):
    """A card of the caller's, whatever size and kind it is asked for in."""

    request: Request[Any, Any, Any]
    studio: Studio
    code_id: int
    card: Card

    async def sent(self, size: Size, kind: Kind) -> Response[Any]:
        """The card in a size and kind. Raises StudioBusy."""
        return await answer(self.request, self.studio, self.code_id, self.card, size, kind)


async def own_card(
    request: Request[Any, Any, Any],
    agent: SignedIn,
    db: Db,
    settings: TheSettings,
    studio: TheStudio,
    now: Now,
    key: FromPath[UUID],
    run: RunQuery = 0,
) -> OwnCard:
    """The card that a request is about: one of the caller's own code.

    Raises:
        PromoCodeUnknown, PromoRunUnknown, PromoCodeOver: as they say.
    """
    found = await _own(db, agent.account_id, key, run, now)
    return OwnCard(request, studio, found.code_id, shown.card(found, settings))


TheCard = NamedDependency[OwnCard]


@get("/{key:uuid}/card.png", responses=_responses(Kind.PNG), response_headers=[ETAG_HEADER])
async def card_png(own: TheCard, size: SizeQuery = Size.MESSENGER) -> Response[Any]:
    """A card to send or to post, with a QR code of the code's short link."""
    return await own.sent(size, Kind.PNG)


@get("/{key:uuid}/card.svg", responses=_responses(Kind.SVG), response_headers=[ETAG_HEADER])
async def card_svg(own: TheCard, size: SizeQuery = Size.MESSENGER) -> Response[Any]:
    """The same card for those who lay out more around it."""
    return await own.sent(size, Kind.SVG)


@get("/{key:uuid}/card.pdf", responses=_responses(Kind.PDF), response_headers=[ETAG_HEADER])
async def card_pdf(own: TheCard, size: SizeQuery = Size.BUSINESS) -> Response[Any]:
    """The same card for the print shop; business cards ten on an A4 sheet, with cut marks."""
    return await own.sent(size, Kind.PDF)


async def _own(db: Database, account_id: int, key: UUID, run: int, now: datetime) -> Shown:
    """A code of the caller's that somebody could still use, or will.

    Raises:
        PromoCodeUnknown, PromoRunUnknown, PromoCodeOver: as they say.
    """
    found = await shown.of_agent(db, account_id, key, run, now)
    if found is None:
        raise PromoCodeUnknown
    if not found.has_run:
        raise PromoRunUnknown
    if found.is_over:
        raise PromoCodeOver
    return found


async def answer(
    request: Request[Any, Any, Any],
    studio: Studio,
    code_id: int,
    card: Card,
    size: Size,
    kind: Kind,
    *,
    public: bool = False,
) -> Response[Any]:
    """A card, or where it lies, or 304: the name of its content is its ETag, so nothing is read to say that.

    A public one is never elsewhere: those who draw previews follow no redirections and keep no files.

    Raises:
        StudioBusy: too many cards are being made.
    """
    tag = f'"{fingerprint(card, size, kind)}"'
    headers = {"ETag": tag} | (PUBLIC if public else PRIVATE)
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(None, status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    name = await studio.place(code_id, card, size, kind)
    file_name = f"promo-{size}.{kind}"
    link = None if public else await studio.files.link(name, seconds=LINK_SECONDS, download_as=file_name)
    if link is not None:
        return Redirect(link, status_code=307, headers={"Cache-Control": "private, no-store"})
    headers |= {
        "Content-Disposition": f'inline; filename="{file_name}"',
        "Content-Security-Policy": STANDS_ALONE,
    }
    return Response(await studio.read(name), media_type=MEDIA_TYPES[kind], headers=headers)


router = Router(
    "/promo-codes",
    route_handlers=[card_png, card_svg, card_pdf],
    dependencies={"own": Provide(own_card)},
    tags=["Promo codes"],
)
