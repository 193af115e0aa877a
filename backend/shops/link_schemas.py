"""Request and response models of the brands that a shop serves, for the shop's keeper."""

from typing import Annotated, Literal, Self

from msgspec import Meta

from backend.core.http.models import RequestModel, ResponseModel
from backend.shops.models import BrandShop
from backend.shops.schemas import Ended, Moment, Next

LinkStateName = Literal["pending", "accepted", "ended"]
LinkState = Annotated[
    LinkStateName,
    Meta(
        description="`pending` until the shop's brand accepts: only then do its tills accept the brand's codes.",
        examples=["accepted"],
    ),
]
DebtLimit = Annotated[
    int,
    Meta(description="The limit of the brand's debt to the shop, in kopecks.", ge=0, le=10**14, examples=[5000000]),
]


def state_of(link: BrandShop) -> LinkStateName:
    """The state of a link."""
    if link.ended_at is not None:
        return "ended"
    return "pending" if link.pending else "accepted"


class ShopLinkIn(RequestModel):
    """The limit of a brand's debt; if left out, the default of the installation."""

    debt_most: DebtLimit | None = None


class ShopLinkOut(ResponseModel):
    """A brand with a link to the shop. Without `debt_most` its debt has no limit."""

    brand_id: Annotated[int, Meta(examples=[3])]
    name: Annotated[str, Meta(examples=["Teplo"])]
    state: LinkState
    owed: Annotated[int, Meta(description="The unpaid debt, in kopecks.", examples=[125000])]
    created_at: Moment
    debt_most: DebtLimit | None = None
    paid_statement: Annotated[
        int, Meta(description="The number of the last paid statement; 0 for none.", examples=[3])
    ] = 0
    accepted_at: Ended | None = None
    ended_at: Ended | None = None

    @classmethod
    def of(cls, link: BrandShop, name: str, owed: int) -> Self:
        return cls(
            brand_id=link.brand_id,
            name=name,
            state=state_of(link),
            owed=owed,
            created_at=link.created_at,
            debt_most=link.debt_most,
            paid_statement=link.paid_statement,
            accepted_at=link.accepted_at,
            ended_at=link.ended_at,
        )


class ShopLinkPage(ResponseModel):
    """Other brands of a shop, by number."""

    items: list[ShopLinkOut]
    next: Next = None
