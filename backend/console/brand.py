"""The console's pages about the brand itself and its staff."""

from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from backend.brands import service
from backend.brands.door import OWNERS, READERS, RoleForbids, Staff, transaction
from backend.brands.schemas import EMAIL, BrandIn, BrandOut, StaffIn, StaffOut, StaffPage
from backend.database import Db, Session
from backend.errors import Busy
from backend.passwords import ThePasswords
from backend.wire import (
    ETAG_HEADER,
    CursorInvalid,
    IfMatch,
    PreconditionFailed,
    cursor,
    expect,
    place,
    raises,
    tagged,
    with_etag,
)

EmailPath = Annotated[str, PathParameter(pattern=EMAIL, max_length=254)]


@get("/brand", opt=READERS, response_headers=[ETAG_HEADER])
async def get_brand(request: Request[Any, Any, Any], staff: Staff, session: Session) -> Response[BrandOut]:
    """The brand that the caller works for."""
    return with_etag(request, BrandOut.of(await service.brand_of(session, staff)))


@put("/brand", opt=OWNERS, responses=raises(RoleForbids, service.BrandNameTaken, PreconditionFailed))
async def put_brand(
    staff: Staff, session: Session, data: JSONBody[BrandIn], if_match: IfMatch = None
) -> Response[BrandOut]:
    """Rename the brand."""
    brand = await service.brand_of(session, staff, lock=True)
    expect(if_match, BrandOut.of(brand))
    return tagged(BrandOut.of(await service.rename(session, staff, brand, data.name)))


@get("/staff", opt=OWNERS, responses=raises(RoleForbids, CursorInvalid))
async def list_staff(
    staff: Staff,
    session: Session,
    after: Annotated[str | None, QueryParameter(name="cursor", max_length=64)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> StaffPage:
    """Who works for the brand, those included who were let go."""
    rows = await service.staff_page(session, staff, place(after), limit + 1)
    following = cursor(rows[limit - 1].id) if len(rows) > limit else None
    return StaffPage([StaffOut.of(row) for row in rows[:limit]], following)


@put(
    "/staff/{email:str}",
    opt=OWNERS,
    responses=raises(RoleForbids, service.EmailTaken, service.LastOwner, Busy),
)
async def put_staff(
    staff: Staff, db: Db, passwords: ThePasswords, email: EmailPath, data: JSONBody[StaffIn]
) -> StaffOut:
    """Make somebody a member of staff, or change his role or password. His other sessions end with the change."""
    secret = await service.secret(passwords, data.password)
    async with transaction(db, staff) as session:
        row, shown = await service.put_staff(session, staff, email, data.role, secret)
        return StaffOut.of(row, shown)


@delete("/staff/{email:str}", opt=OWNERS, responses=raises(RoleForbids, service.StaffUnknown, service.LastOwner))
async def remove_staff(staff: Staff, session: Session, email: EmailPath) -> None:
    """Let somebody go: he is signed out at once and cannot sign in again."""
    await service.disable(session, staff, email)


router = Router("/", route_handlers=[get_brand, put_brand, list_staff, put_staff, remove_staff], tags=["Brand"])
