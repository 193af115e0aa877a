"""Shops, tills and cashiers over the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import Meta, field

from backend.accounts.schemas import Pin
from backend.shops.models import BrandShop, Cashier, Shop, Till, TillKind
from backend.wire import KEY, LINE, LINE_OR_NOTHING, In, Out

# What a browser sends as `Origin`: scheme, host and port in small letters. Pages of a developer's own machine may go
# without TLS.
ORIGIN = r"^(https://[0-9a-z.-]{1,253}|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?(?!\n)$"

Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Ended = Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])]
Key = Annotated[str, Meta(description="Chosen by the brand.", pattern=KEY, examples=["mira-12"])]
TillKey = Annotated[str, Meta(description="Chosen by the shop's keeper.", pattern=KEY, examples=["till-1"])]
CashierKey = Annotated[str, Meta(description="A label, not a name.", pattern=KEY, examples=["anna-2"])]
Number = Annotated[
    str,
    Meta(
        description="Public: by it another brand says which shop it means.",
        pattern=r"^[0-9]{10}(?!\n)$",
        examples=["4071553820"],
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Electrics on Mira street"])]
City = Annotated[str, Meta(max_length=80, pattern=LINE_OR_NOTHING, examples=["Yekaterinburg"])]
Address = Annotated[str, Meta(max_length=200, pattern=LINE_OR_NOTHING, examples=["Mira street, 12"])]
Timezone = Annotated[
    str, Meta(description="Where its days begin and end (IANA).", max_length=40, examples=["Asia/Yekaterinburg"])
]
Kind = Annotated[TillKind, Meta(description="A till, or a web shop.", examples=["till"])]
NeedsCashier = Annotated[bool, Meta(description="Sells only while a cashier with a PIN is signed in.", examples=[True])]
Origin = Annotated[str, Meta(pattern=ORIGIN, examples=["https://shop.teplo.example"])]
Origins = Annotated[
    list[Origin],
    Meta(
        description="Where pages of a web shop may call from (CORS); none by default. Whoever opens such a page can "
        "read the token in it: a web shop's server is the better caller.",
        max_length=20,
    ),
]
Token = Annotated[str, Meta(description="Bearer token, shown once.", examples=["tl_...43 characters...Ab3d"])]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WyJtaXJhLTEyIl0"])]
May = Literal["quote", "reserve", "sell", "return"]


class ShopIn(In):
    """A shop as it should be, or with `number` one that another brand keeps."""

    name: Name | None = None
    city: City | None = None
    address: Address | None = None
    timezone: Timezone | None = None
    number: Number | None = None


class ShopOut(Out):
    """A shop as the brand knows it."""

    key: Key
    number: Number
    name: Name
    timezone: Timezone
    keeper: Annotated[bool, Meta(description="Whether it is your brand that runs its tills.", examples=[True])]
    created_at: Moment
    city: City = ""
    address: Address = ""
    ended_at: Ended | None = None

    @classmethod
    def of(cls, shop: Shop, link: BrandShop) -> Self:
        return cls(
            link.key, shop.number, shop.name, shop.timezone, link.keeper, link.created_at, shop.city, shop.address,
            link.ended_at,
        )  # fmt: skip


class ShopPage(Out):
    """The brand's shops in the order of its keys."""

    items: list[ShopOut]
    next: Next = None


class TillIn(In):
    """A till as it should be: what is left out is as it was never set."""

    kind: Kind = "till"
    needs_cashier: NeedsCashier = False
    origins: Origins = field(default_factory=list)


class TillOut(Out):
    """A till of a shop. We keep the token's hash only."""

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


class TillPage(Out):
    """A shop's tills in the order of their keys."""

    items: list[TillOut]
    next: Next = None


class TillToken(Out):
    """A till's new token; the old one has ended."""

    token: Token


class CashierIn(In):
    """A cashier as he should be: without a PIN he can sign in only where none is wanted."""

    pin: Pin | None = None


class CashierOut(Out):
    """Somebody at the shop's tills."""

    key: CashierKey
    has_pin: Annotated[bool, Meta(examples=[True])]
    created_at: Moment
    disabled_at: Ended | None = None

    @classmethod
    def of(cls, cashier: Cashier) -> Self:
        return cls(cashier.key, cashier.pin_hash is not None, cashier.created_at, cashier.disabled_at)


class CashierPage(Out):
    """A shop's cashiers in the order of their keys."""

    items: list[CashierOut]
    next: Next = None


class ShiftIn(In):
    """A cashier comes to the till."""

    cashier: CashierKey
    pin: Pin | None = None


class ShiftOut(Out):
    """Who stands at the till, and until when at the most."""

    cashier: CashierKey
    ends_at: Moment


class ServedBrand(Out):
    """A brand whose codes the shop takes."""

    id: Annotated[int, Meta(examples=[3])]
    name: Annotated[str, Meta(examples=["Teplo"])]


class ShopPlace(Out):
    """Where a till stands."""

    number: Number
    name: Name
    timezone: Timezone
    city: City = ""
    address: Address = ""


class TillHome(Out):
    """What a till should know about itself when it is switched on."""

    till: TillKey
    kind: Kind
    shop: ShopPlace
    brands: list[ServedBrand]
    may: Annotated[list[May], Meta(description="What this till may do now.", examples=[["quote", "reserve"]])]
    needs_cashier: NeedsCashier = False
    shift: ShiftOut | None = None
