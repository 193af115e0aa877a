"""The console's page about the look of promo cards: colours, logo, and what the law wants said on them."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, Router, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import JSONBody

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff, transaction
from backend.database import Db, Session
from backend.errors import TooLarge, Unsupported
from backend.promocodes import brand_cards
from backend.promocodes.brand_cards import BrandCardIn, BrandCardOut
from backend.promocodes.cards.logo import MOST_BYTES
from backend.wire import ETAG_HEADER, IfMatch, PreconditionFailed, expect, raises, tagged, with_etag

PNG = "image/png"
LOGO = ResponseSpec(bytes, media_type=PNG, description="The logo, as it was cleaned.", generate_examples=False)


@dataclass
class LogoOperation(Operation):
    """The body of `put_card_logo` as the OpenAPI shows it: the file as it is."""

    def __post_init__(self) -> None:
        picture = Schema(
            type=OpenAPIType.STRING, content_media_type="application/octet-stream", examples=["(bytes)"]
        )  # fmt: skip
        self.request_body = RequestBody(required=True, content={PNG: OpenAPIMediaType(picture)})


@get("/brand/card", opt=READERS, response_headers=[ETAG_HEADER])
async def get_card(request: Request[Any, Any, Any], staff: Staff, session: Session) -> Response[BrandCardOut]:
    """How cards and pages of the brand's promo codes look."""
    return with_etag(request, await brand_cards.get(session, staff.brand_id))


@put(
    "/brand/card",
    opt=EDITORS,
    responses=raises(
        RoleForbids,
        brand_cards.ColoursTooClose,
        brand_cards.LabelDates,
        brand_cards.LabelCampaignUnknown,
        PreconditionFailed,
    ),
)
async def put_card(
    staff: Staff, session: Session, data: JSONBody[BrandCardIn], if_match: IfMatch = None
) -> Response[BrandCardOut]:
    """Set the colours, and the labels of advertising with the days on which they stand."""
    if if_match is not None:
        expect(if_match, await brand_cards.get(session, staff.brand_id))
    return tagged(await brand_cards.put(session, staff, data))


@get("/brand/card/logo", opt=READERS, responses={200: LOGO} | raises(brand_cards.CardLogoMissing))
async def get_card_logo(staff: Staff, session: Session) -> Response[bytes]:
    """The logo on the brand's cards."""
    return Response(await brand_cards.logo_of(session, staff.brand_id), media_type=PNG)


@put(
    "/brand/card/logo",
    opt=EDITORS,
    operation_class=LogoOperation,
    request_max_body_size=MOST_BYTES,
    responses=raises(RoleForbids, brand_cards.LogoRefused, TooLarge, Unsupported),
)
async def put_card_logo(request: Request[Any, Any, Any], staff: Staff, db: Db) -> BrandCardOut:
    """Set the logo: a PNG of at most 1 MiB. It is kept small and without its comments."""
    if request.content_type[0] != PNG:
        raise Unsupported
    png = await brand_cards.cleaned(await request.body())
    async with transaction(db, staff) as session:
        return await brand_cards.put_logo(session, staff, png)


@delete("/brand/card/logo", opt=EDITORS, responses=raises(RoleForbids))
async def remove_card_logo(staff: Staff, session: Session) -> None:
    """Take the logo away; the brand's name stays."""
    await brand_cards.put_logo(session, staff, None)


router = Router(
    "/",
    route_handlers=[get_card, put_card, get_card_logo, put_card_logo, remove_card_logo],
    tags=["Brand"],
)
