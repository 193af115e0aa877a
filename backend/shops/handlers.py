"""What a till asks about itself, and cashiers coming and going."""

from litestar import Router, get

from backend.errors import Unauthenticated
from backend.shops.door import TheTill
from backend.shops.schemas import TillHome
from backend.wire import raises


@get("/", responses=raises(Unauthenticated))
async def get_till(till: TheTill) -> TillHome:
    """Which till this is."""
    return TillHome(till.kind, till.timezone)


router = Router("/", route_handlers=[get_till], tags=["Tills"])
