"""Request and response models of shops, tills and cashiers."""

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import Meta, field

from backend.core.http.models import KEY, LINE, LINE_OR_NOTHING, RequestModel, ResponseModel
from backend.identity.accounts.schemas import Pin
from backend.shops.models import BrandShop, Cashier, Shop, Till, TillKind

# An `Origin` header: scheme, host and port in lower case. Only a developer's own machine may go without TLS.
ORIGIN = r"^(https://[0-9a-z.-]{1,253}|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?(?!\n)$"

Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Ended = Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])]
Key = Annotated[str, Meta(description="Chosen by the brand.", pattern=KEY, examples=["mira-12"])]
TillKey = Annotated[str, Meta(description="Chosen by the shop's keeper.", pattern=KEY, examples=["till-1"])]
CashierKey = Annotated[str, Meta(description="A label, not a name.", pattern=KEY, examples=["anna-2"])]
Number = Annotated[
    str,
    Meta(
        description="Public. Other brands refer to the shop by it.",
        pattern=r"^[0-9]{10}(?!\n)$",
        examples=["4071553820"],
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Electrics on Mira street"])]
City = Annotated[str, Meta(max_length=80, pattern=LINE_OR_NOTHING, examples=["Yekaterinburg"])]
Address = Annotated[str, Meta(max_length=200, pattern=LINE_OR_NOTHING, examples=["Mira street, 12"])]
Timezone = Annotated[
    str, Meta(description="IANA time zone of the shop's days.", max_length=40, examples=["Asia/Yekaterinburg"])
]
Kind = Annotated[TillKind, Meta(description="A till, or a web shop.", examples=["till"])]
NeedsCashier = Annotated[bool, Meta(description="Sells only while a cashier with a PIN is signed in.", examples=[True])]
Origin = Annotated[str, Meta(pattern=ORIGIN, examples=["https://shop.teplo.example"])]
Origins = Annotated[
    list[Origin],
    Meta(
        description="Origins of a web shop's pages that may call (CORS); none by default. Visitors of such a page can "
        "read the token in it, so prefer calls from the web shop's server.",
        max_length=20,
    ),
]
Token = Annotated[str, Meta(description="Bearer token, shown once.", examples=["tl_...43 characters...Ab3d"])]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WyJtaXJhLTEyIl0"])]
TillAction = Literal["quote", "reserve", "sell", "return"]


class ShopIn(RequestModel):
    """A shop to create or change, or with `number` a link to a shop of another keeper."""

    name: Name | None = None
    city: City | None = None
    address: Address | None = None
    timezone: Timezone | None = None
    number: Number | None = None


class ShopOut(ResponseModel):
    """A shop and the brand's link with it."""

    key: Key
    number: Number
    name: Name
    timezone: Timezone
    keeper: Annotated[bool, Meta(description="Whether your brand manages its tills.", examples=[True])]
    created_at: Moment
    city: City = ""
    address: Address = ""
    ended_at: Ended | None = None
    pending: Annotated[
        bool, Meta(description="Whether the shop's keeper has yet to accept your brand.", examples=[False, True])
    ] = False
    debt_most: Annotated[
        int | None, Meta(description="The limit of your debt to it, in kopecks.", examples=[5000000])
    ] = None

    @classmethod
    def of(cls, shop: Shop, link: BrandShop) -> Self:
        return cls(
            key=link.key,
            number=shop.number,
            name=shop.name,
            timezone=shop.timezone,
            keeper=link.keeper,
            created_at=link.created_at,
            city=shop.city,
            address=shop.address,
            ended_at=link.ended_at,
            pending=link.pending,
            debt_most=link.debt_most,
        )


class ShopPage(ResponseModel):
    """The brand's shops in the order of its keys."""

    items: list[ShopOut]
    next: Next = None


class TillIn(RequestModel):
    """A till to create or change. Omitted fields get their defaults."""

    kind: Kind = "till"
    needs_cashier: NeedsCashier = False
    origins: Origins = field(default_factory=list)


class TillOut(ResponseModel):
    """A till of a shop. Only the hash of its token is stored."""

    key: TillKey
    kind: Kind
    created_at: Moment
    needs_cashier: NeedsCashier = False
    origins: Origins = field(default_factory=list)
    disabled_at: Ended | None = None
    token: Token | None = None

    @classmethod
    def of(cls, till: Till, token: str | None = None) -> Self:
        return cls(
            till.key, till.kind, till.created_at, till.needs_cashier, list(till.origins), till.disabled_at, token
        )


class TillPage(ResponseModel):
    """A shop's tills in the order of their keys."""

    items: list[TillOut]
    next: Next = None


class TillToken(ResponseModel):
    """A till's new token. The old one is no longer valid."""

    token: Token


class CashierIn(RequestModel):
    """A cashier to create or change. Without a PIN, only at tills that do not require one."""

    pin: Pin | None = None


class CashierOut(ResponseModel):
    """A cashier of the shop."""

    key: CashierKey
    has_pin: Annotated[bool, Meta(examples=[True])]
    created_at: Moment
    disabled_at: Ended | None = None

    @classmethod
    def of(cls, cashier: Cashier) -> Self:
        return cls(cashier.key, cashier.pin_hash is not None, cashier.created_at, cashier.disabled_at)


class CashierPage(ResponseModel):
    """A shop's cashiers in the order of their keys."""

    items: list[CashierOut]
    next: Next = None


class ShiftIn(RequestModel):
    """A cashier who signs in."""

    cashier: CashierKey
    pin: Pin | None = None


class ShiftOut(ResponseModel):
    """The cashier on shift, and the end of the shift."""

    cashier: CashierKey
    ends_at: Moment


class ServedBrand(ResponseModel):
    """A brand whose codes the shop accepts."""

    id: Annotated[int, Meta(examples=[3])]
    name: Annotated[str, Meta(examples=["Teplo"])]


class ShopSummary(ResponseModel):
    """The shop of a till."""

    number: Number
    name: Name
    timezone: Timezone
    city: City = ""
    address: Address = ""


class CurrentTillOut(ResponseModel):
    """What a till needs to know about itself after it is switched on."""

    till: TillKey
    kind: Kind
    shop: ShopSummary
    brands: list[ServedBrand]
    may: Annotated[list[TillAction], Meta(description="What this till may do now.", examples=[["quote", "reserve"]])]
    needs_cashier: NeedsCashier = False
    shift: ShiftOut | None = None
