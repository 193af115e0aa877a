"""Cards of the agent's own codes, as PNG, SVG or PDF."""

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from backend.core.db.database import Database, Db
from backend.core.http.conditional_requests import ETAG_HEADER
from backend.core.http.errors import Conflict, NotFound, TooManyRequests
from backend.core.http.models import CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.earning.promocodes import displayed_code
from backend.earning.promocodes.cards.artwork.content import MEDIA_TYPES, Card, CardFormat, CardSize, fingerprint
from backend.earning.promocodes.cards.renderer import CardCaller, CardRenderer, CardRendererBusy, CurrentCardRenderer
from backend.earning.promocodes.displayed_code import DisplayedCode
from backend.earning.promocodes.service import PromoCodeUnknown
from backend.earning.promocodes.words.code_parser import LAST_RUN
from backend.identity.accounts.authentication import CurrentAgent

LINK_SECONDS = 300
# An SVG that is opened as a document runs nothing and loads only its embedded logo.
SVG_POLICY = "default-src 'none'; img-src data:; frame-ancestors 'none'"
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Accept-Language, Authorization"}
PUBLIC = {"Cache-Control": "public, max-age=600", "Vary": "Accept-Language"}

SizeQuery = Annotated[CardSize, QueryParameter(name="size", description="What the card is for.")]
RunQuery = Annotated[int, QueryParameter(name="run", ge=0, le=LAST_RUN, description="The run of the code; 0 for none.")]


class PromoRunUnknown(NotFound):
    """This code of yours has no such run."""

    code = "promo_run_unknown"


class PromoCodeOver(Conflict):
    """This promo code is closed or its offer has ended, so it has no card."""

    code = "promo_code_over"


def _card_responses(kind: CardFormat) -> dict[int, ResponseSpec]:
    text = "The card, verified to be readable. The PDF of a business card is an A4 sheet of ten with cut marks."
    card = ResponseSpec(bytes, media_type=MEDIA_TYPES[kind], description=text, generate_examples=False)
    redirect = ResponseSpec(None, description="The card is at the address in `Location` for five minutes.")
    return {200: card, 307: redirect} | error_responses(
        PromoCodeUnknown, PromoRunUnknown, PromoCodeOver, TooManyRequests, CardRendererBusy
    )


class OwnCard(NamedTuple):
    """A card of the caller's code, in any size and file format."""

    request: HTTPRequest
    card_renderer: CardRenderer
    code_id: int
    card: Card
    caller: CardCaller

    async def response(self, size: CardSize, kind: CardFormat) -> Response[bytes]:
        """The response with the card. Raises CardRendererBusy."""
        return await card_response(self.request, self.card_renderer, self.code_id, self.card, size, kind, self.caller)


async def own_card(
    request: HTTPRequest,
    agent: CurrentAgent,
    db: Db,
    settings: CurrentSettings,
    card_renderer: CurrentCardRenderer,
    now: Now,
    key: FromPath[UUID],
    run: RunQuery = 0,
) -> OwnCard:
    """The card of the caller's code that a request names.

    Raises:
        PromoCodeUnknown, PromoRunUnknown, PromoCodeOver.
    """
    displayed = await _own_active_code(db, agent.account_id, key, run, now)
    caller = CardCaller(f"account:{agent.account_id}", settings.numbers.at("cards_per_hour", now.date()))
    return OwnCard(request, card_renderer, displayed.code_id, displayed_code.build_card(displayed, settings), caller)


TheCard = NamedDependency[OwnCard]


@get("/{key:uuid}/card.png", responses=_card_responses(CardFormat.PNG), response_headers=[ETAG_HEADER])
async def download_card_png(own: TheCard, size: SizeQuery = CardSize.MESSENGER) -> Response[bytes]:
    """A PNG card for messengers and posts, with a QR code of the short link."""
    return await own.response(size, CardFormat.PNG)


@get("/{key:uuid}/card.svg", responses=_card_responses(CardFormat.SVG), response_headers=[ETAG_HEADER])
async def download_card_svg(own: TheCard, size: SizeQuery = CardSize.MESSENGER) -> Response[bytes]:
    """The card as SVG, for use in other layouts."""
    return await own.response(size, CardFormat.SVG)


@get("/{key:uuid}/card.pdf", responses=_card_responses(CardFormat.PDF), response_headers=[ETAG_HEADER])
async def download_card_pdf(own: TheCard, size: SizeQuery = CardSize.BUSINESS) -> Response[bytes]:
    """The card as PDF for a print shop. Business cards are ten on an A4 sheet with cut marks."""
    return await own.response(size, CardFormat.PDF)


async def _own_active_code(db: Database, account_id: int, key: UUID, run: int, now: datetime) -> DisplayedCode:
    """A code of the caller that can be used now or later.

    Raises:
        PromoCodeUnknown, PromoRunUnknown, PromoCodeOver.
    """
    displayed = await displayed_code.find_displayed_code_of_agent(db, account_id, key, run, now)
    if displayed is None:
        raise PromoCodeUnknown
    if not displayed.has_run:
        raise PromoRunUnknown
    if displayed.is_over:
        raise PromoCodeOver
    return displayed


async def card_response(
    request: HTTPRequest,
    card_renderer: CardRenderer,
    code_id: int,
    card: Card,
    size: CardSize,
    kind: CardFormat,
    caller: CardCaller,
    *,
    public: bool = False,
) -> Response[bytes]:
    """A card, a redirect to the stored file, or 304. The ETag is a hash of the content, so a 304 reads no file.

    A public card is never a redirect, because programs that draw link previews do not follow redirects.

    Raises:
        CardRendererBusy: too many cards are being drawn. TooManyRequests: too many were drawn for this caller.
    """
    tag = f'"{fingerprint(card, size, kind)}"'
    headers = {"ETag": tag} | (PUBLIC if public else PRIVATE)
    etags = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in etags or "*" in etags:
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    name = await card_renderer.store(code_id, card, size, kind, caller)
    file_name = f"promo-{size}.{kind}"
    link = None if public else await card_renderer.files.link(name, seconds=LINK_SECONDS, download_as=file_name)
    if link is not None:
        return Redirect(link, status_code=307, headers={"Cache-Control": "private, no-store"})
    headers |= {
        "Content-Disposition": f'inline; filename="{file_name}"',
        "Content-Security-Policy": SVG_POLICY,
    }
    return Response(await card_renderer.read(name), media_type=MEDIA_TYPES[kind], headers=headers)


router = Router(
    "/promo-codes",
    route_handlers=[download_card_png, download_card_svg, download_card_pdf],
    dependencies={"own": Provide(own_card)},
    tags=["Promo codes"],
)
