"""The console's page about products, one by one; files of many are in product_files."""

from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.brands.door import EDITORS, READERS, RoleForbids, Staff
from backend.console.paging import AfterKey, Limit
from backend.database import Session
from backend.programmes import products
from backend.programmes.schemas import SKU, SKU_LENGTH, ProductIn, ProductOut, ProductPage
from backend.wire import (
    ETAG_HEADER,
    LINE_OR_NOTHING,
    CursorInvalid,
    IfMatch,
    Now,
    PreconditionFailed,
    cursor,
    expect,
    raises,
    tagged,
    with_etag,
    word,
)

# A SKU may hold slashes, so it is the rest of the path: it comes with the slash before it.
SkuPath = Annotated[
    str,
    PathParameter(
        pattern=SKU,
        max_length=SKU_LENGTH + 1,  # the framework hands the slash before it over, too
        schema_extra={"max_length": SKU_LENGTH},
        description="The brand's own number.",
    ),
]


@get("/products", opt=READERS, responses=raises(CursorInvalid))
async def list_products(
    staff: Staff,
    session: Session,
    asked: Annotated[
        str,
        QueryParameter(
            name="q",
            max_length=100,
            pattern=LINE_OR_NOTHING,
            description="Words in names, SKU, GTIN, aliases or articles.",
        ),
    ] = "",
    archived: Annotated[bool, QueryParameter(description="Those that were archived.")] = False,
    after: AfterKey = None,
    limit: Limit = 50,
) -> ProductPage:
    """The brand's products, or those in which all words are found."""
    rows = await products.page(session, staff, asked=asked, archived=archived, after=word(after), most=limit + 1)
    following = cursor(rows[limit - 1].sku) if len(rows) > limit else None
    return ProductPage([ProductOut.of(row) for row in rows[:limit]], following)


@get("/products/{sku:path}", opt=READERS, responses=raises(products.ProductUnknown), response_headers=[ETAG_HEADER])
async def get_product(
    request: Request[Any, Any, Any], staff: Staff, session: Session, sku: SkuPath
) -> Response[ProductOut]:
    """One product, archived or not."""
    return with_etag(request, ProductOut.of(await products.get(session, staff, sku.removeprefix("/"))))


@put(
    "/products/{sku:path}",
    opt=EDITORS,
    responses=raises(RoleForbids, products.GtinInvalid, products.GtinTaken, PreconditionFailed),
)
async def put_product(
    staff: Staff, session: Session, sku: SkuPath, data: JSONBody[ProductIn], if_match: IfMatch = None
) -> Response[ProductOut]:
    """Make a product, or make it so. What is left out is empty afterwards; an archived product comes back."""
    name = sku.removeprefix("/")
    found = await products.find(session, staff, name, lock=True)
    expect(if_match, found and ProductOut.of(found))
    return tagged(ProductOut.of(await products.put(session, staff, name, data)))


@delete("/products/{sku:path}", opt=EDITORS, responses=raises(RoleForbids, products.ProductUnknown))
async def archive_product(staff: Staff, session: Session, sku: SkuPath, now: Now) -> None:
    """Archive a product: it leaves the lists, and what was printed for it goes on."""
    await products.archive(session, staff, sku.removeprefix("/"), now)


router = Router("/", route_handlers=[list_products, get_product, put_product, archive_product], tags=["Products"])
