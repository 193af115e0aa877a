"""Products in the console, one by one; files are in file_handlers."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from litestar import Response, Router, delete, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.core.db.database import Session
from backend.core.http.conditional_requests import (
    ETAG_HEADER,
    IfMatch,
    PreconditionFailed,
    check_if_match,
    conditional_response,
    response_with_etag,
)
from backend.core.http.models import LINE_OR_NOTHING, Now
from backend.core.http.pagination import AfterKey, CursorInvalid, Limit, read_page, text_from_cursor
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.identity.brands.authentication import EDITORS, READERS, CurrentMember, RoleForbids
from backend.programmes.products import service as products
from backend.programmes.schemas import SKU, SKU_LENGTH, ProductIn, ProductOut, ProductPage

# A SKU may contain slashes, so it is the rest of the path.
SkuPath = Annotated[
    str,
    PathParameter(
        pattern=SKU,
        max_length=SKU_LENGTH + 1,  # the framework includes the slash before it
        schema_extra={"max_length": SKU_LENGTH},
        description="The brand's own product number.",
    ),
]


@get("/products", opt=READERS, responses=error_responses(CursorInvalid))
async def list_products(
    staff: CurrentMember,
    session: Session,
    words: Annotated[
        str,
        QueryParameter(
            name="q",
            max_length=100,
            pattern=LINE_OR_NOTHING,
            description="Words in names, SKU, GTIN, aliases, articles or makers.",
        ),
    ] = "",
    archived: Annotated[bool, QueryParameter(description="Archived products instead of the others.")] = False,
    after: AfterKey = None,
    limit: Limit = 50,
) -> ProductPage:
    """The brand's products, or those that contain all words of `q`."""
    position = text_from_cursor(after)
    read = partial(products.list_products, session, staff, query=words, archived=archived, after=position)
    rows, following = await read_page(lambda most: read(most=most), limit, attrgetter("sku"))
    return ProductPage([ProductOut.of(row) for row in rows], following)


@get(
    "/products/{sku:path}",
    opt=READERS,
    responses=error_responses(products.ProductUnknown),
    response_headers=[ETAG_HEADER],
)
async def get_product(
    request: HTTPRequest, staff: CurrentMember, session: Session, sku: SkuPath
) -> Response[ProductOut]:
    """One product, archived or not."""
    return conditional_response(
        request, ProductOut.of(await products.get_product(session, staff, sku.removeprefix("/")))
    )


@put(
    "/products/{sku:path}",
    opt=EDITORS,
    responses=error_responses(RoleForbids, products.GtinInvalid, products.GtinConflict, PreconditionFailed),
)
async def put_product(
    staff: CurrentMember, session: Session, sku: SkuPath, data: JSONBody[ProductIn], if_match: IfMatch = None
) -> Response[ProductOut]:
    """Create or change a product. Fields that are left out become empty; an archived product is restored."""
    name = sku.removeprefix("/")
    found = await products.find_product(session, staff, name, lock=True)
    check_if_match(if_match, found and ProductOut.of(found))
    return response_with_etag(ProductOut.of(await products.put_product(session, staff, name, data)))


@delete("/products/{sku:path}", opt=EDITORS, responses=error_responses(RoleForbids, products.ProductUnknown))
async def archive_product(staff: CurrentMember, session: Session, sku: SkuPath, now: Now) -> None:
    """Archive a product: it disappears from lists; printed codes stay valid."""
    await products.archive_product(session, staff, sku.removeprefix("/"), now)


router = Router("/", route_handlers=[list_products, get_product, put_product, archive_product], tags=["Products"])
