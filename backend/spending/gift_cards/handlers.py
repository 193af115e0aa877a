"""Till endpoints for gift cards: balance, uses and returns."""

from typing import Annotated

from litestar import Router, post, put
from litestar.params import JSONBody, PathParameter

from backend.core.db.database import Db
from backend.core.http.errors import BodyChanged, TooManyRequests
from backend.core.http.models import KEY, CurrentSettings, Now
from backend.core.http.problems import error_responses
from backend.core.http.requests import HTTPRequest
from backend.shops.authentication import CashierNeeded, CurrentTill, TokenInPages
from backend.shops.schemas import ServedBrand
from backend.spending.gift_cards import service as gift_cards
from backend.spending.gift_cards.schemas import (
    GiftCardBalance,
    GiftCardBalanceIn,
    GiftCardRedemptionIn,
    GiftCardRedemptionOut,
    GiftCardReturnIn,
)
from backend.spending.gift_cards.service import (
    BalanceTooLow,
    BrandLimited,
    DiscountNotReturnable,
    GiftCardEnded,
    GiftCardNotFound,
    ReturnTooLarge,
    UseAmbiguous,
    UseNotFound,
)

Key = Annotated[str, PathParameter(pattern=KEY, description="The till's own id.")]


@post(
    "/certificates/balance",
    status_code=200,
    responses=error_responses(GiftCardNotFound, GiftCardEnded, TooManyRequests),
)
async def get_gift_card_balance(
    request: HTTPRequest,
    till: CurrentTill,
    db: Db,
    settings: CurrentSettings,
    now: Now,
    data: JSONBody[GiftCardBalanceIn],
) -> GiftCardBalance:
    """The balance of a gift card. Does not change it."""
    row = await gift_cards.gift_card_balance(db, settings, till, data.code, now, request.scope["state"]["network"])
    brand = ServedBrand(row.brand_id, row.brand)
    return GiftCardBalance(row.left, row.nominal, row.valid_until, brand, partial=not row.single)


@put(
    "/certificate-uses/{key:str}",
    responses=error_responses(
        GiftCardNotFound,
        GiftCardEnded,
        BalanceTooLow,
        BrandLimited,
        BodyChanged,
        CashierNeeded,
        TokenInPages,
        TooManyRequests,
    ),
)
async def put_gift_card_redemption(
    till: CurrentTill, db: Db, settings: CurrentSettings, now: Now, key: Key, data: JSONBody[GiftCardRedemptionIn]
) -> GiftCardRedemptionOut:
    """Redeem a part of a gift card under the till's own id; its brand then owes it to the shop.

    Idempotent by its id. A discount is used once: the rest lapses.
    """
    used = await gift_cards.use_gift_card(db, settings, till, key, data, now)
    return GiftCardRedemptionOut(*used)


@put(
    "/certificate-uses/{key:str}/returns/{return_key:str}",
    responses=error_responses(
        UseNotFound, UseAmbiguous, DiscountNotReturnable, ReturnTooLarge, BodyChanged, CashierNeeded, TokenInPages
    ),
)
async def put_gift_card_return(
    till: CurrentTill,
    db: Db,
    key: Key,
    return_key: Annotated[str, PathParameter(pattern=KEY, description="The till's own id of the return.")],
    data: JSONBody[GiftCardReturnIn],
) -> GiftCardRedemptionOut:
    """Return an amount to the gift card, at any till of the shop: at most what was redeemed. Not for discounts."""
    used = await gift_cards.return_use(db, till, key, return_key, data)
    return GiftCardRedemptionOut(*used)


router = Router(
    "/", route_handlers=[get_gift_card_balance, put_gift_card_redemption, put_gift_card_return], tags=["Checkout"]
)
