"""Staff endpoints of promo card settings: colours, logo, advertising labels."""

from dataclasses import dataclass

from litestar import Response, Router, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import JSONBody

from backend.core.db.database import Db, Session
from backend.core.http.conditional_requests import (
    ETAG_HEADER,
    IfMatch,
    PreconditionFailed,
    check_if_match,
    conditional_response,
    response_with_etag,
)
from backend.core.http.errors import TooLarge, Unsupported
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.earning.promocodes.cards import brand_cards
from backend.earning.promocodes.cards.artwork.logo import MAX_BYTES
from backend.earning.promocodes.cards.brand_cards import BrandCardIn, BrandCardOut
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids, brand_transaction

PNG = "image/png"
LOGO = ResponseSpec(bytes, media_type=PNG, description="The logo, as it was re-encoded.", generate_examples=False)


@dataclass
class LogoOperation(Operation):
    """The OpenAPI description of the body of `put_brand_card_logo`: the raw file."""

    def __post_init__(self) -> None:
        picture = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream", examples=["(bytes)"])
        self.request_body = RequestBody(required=True, content={PNG: OpenAPIMediaType(picture)})


@get("/brand/card", opt=READERS, response_headers=[ETAG_HEADER])
async def get_brand_card(request: HTTPRequest, staff: CurrentMember, session: Session) -> Response[BrandCardOut]:
    """The settings of the brand's promo cards and pages."""
    return conditional_response(request, await brand_cards.get_card_settings(session, staff.brand_id))


@put(
    "/brand/card",
    opt=EDITORS,
    responses=error_responses(
        RoleForbids,
        brand_cards.ColoursTooClose,
        brand_cards.LabelDates,
        brand_cards.LabelCampaignUnknown,
        PreconditionFailed,
    ),
)
async def put_brand_card(
    staff: CurrentMember, session: Session, data: JSONBody[BrandCardIn], if_match: IfMatch = None
) -> Response[BrandCardOut]:
    """Set the colours, and advertising labels with the days on which they are shown."""
    if if_match is not None:
        check_if_match(if_match, await brand_cards.get_card_settings(session, staff.brand_id))
    return response_with_etag(await brand_cards.put_card_settings(session, staff, data))


@get("/brand/card/logo", opt=READERS, responses={200: LOGO} | error_responses(brand_cards.CardLogoMissing))
async def get_brand_card_logo(staff: CurrentMember, session: Session) -> Response[bytes]:
    """The logo on the brand's cards."""
    return Response(await brand_cards.get_logo(session, staff.brand_id), media_type=PNG)


@put(
    "/brand/card/logo",
    opt=EDITORS,
    operation_class=LogoOperation,
    request_max_body_size=MAX_BYTES,
    responses=error_responses(RoleForbids, brand_cards.LogoRefused, TooLarge, Unsupported),
)
async def put_brand_card_logo(request: HTTPRequest, staff: CurrentMember, db: Db) -> BrandCardOut:
    """Set the logo: a PNG of at most 1 MiB. It is stored in a small size and without metadata."""
    if request.content_type[0] != PNG:
        raise Unsupported
    png = await brand_cards.clean_logo(await request.body())
    async with brand_transaction(db, staff) as session:
        return await brand_cards.put_logo(session, staff, png)


@delete("/brand/card/logo", opt=EDITORS, responses=error_responses(RoleForbids))
async def remove_brand_card_logo(staff: CurrentMember, session: Session) -> None:
    """Remove the logo; the brand's name stays."""
    await brand_cards.put_logo(session, staff, None)


router = Router(
    "/",
    route_handlers=[get_brand_card, put_brand_card, get_brand_card_logo, put_brand_card_logo, remove_brand_card_logo],
    tags=["Brand and staff"],
)
