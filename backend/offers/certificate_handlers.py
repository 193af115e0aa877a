"""The till's deeds with own certificates: what is left, a part taken, a part given back."""

from typing import Annotated

from litestar import Router, post, put
from litestar.params import JSONBody, PathParameter

from backend.database import Db
from backend.errors import BodyChanged, TooManyRequests
from backend.offers import certificates
from backend.offers.certificate_schemas import (
    CertificateBalance,
    CertificateReturnIn,
    CertificateShown,
    CertificateUseIn,
    CertificateUseOut,
)
from backend.offers.certificates import (
    BalanceTooLow,
    CertificateEnded,
    CertificateUnknown,
    DiscountStays,
    MoreThanTaken,
    UseUnknown,
)
from backend.shops.door import CashierNeeded, TheTill, TokenInPages
from backend.shops.schemas import ServedBrand
from backend.wire import KEY, Now, TheSettings, raises

Key = Annotated[str, PathParameter(pattern=KEY, description="The till's own id.")]


@post(
    "/certificates/balance",
    status_code=200,
    responses=raises(CertificateUnknown, CertificateEnded, TooManyRequests),
)
async def look_at_certificate(
    till: TheTill, db: Db, settings: TheSettings, now: Now, data: JSONBody[CertificateShown]
) -> CertificateBalance:
    """What can be taken of a certificate. Changes nothing of it."""
    row = await certificates.look(db, settings, till, data.code, now)
    brand = ServedBrand(row.brand_id, row.brand)
    return CertificateBalance(row.left, row.nominal, row.valid_until, brand, partial=not row.single)


@put(
    "/certificate-uses/{key:str}",
    responses=raises(
        CertificateUnknown,
        CertificateEnded,
        BalanceTooLow,
        BodyChanged,
        CashierNeeded,
        TokenInPages,
        TooManyRequests,
    ),
)
async def put_certificate_use(
    till: TheTill, db: Db, settings: TheSettings, now: Now, key: Key, data: JSONBody[CertificateUseIn]
) -> CertificateUseOut:
    """Take a part of a certificate under the till's own id; its brand then owes it to the shop.

    The same id with the same body gets the first answer again. A discount is used once: what it leaves lapses.
    """
    used = await certificates.take(db, settings, till, key, data, now)
    return CertificateUseOut(*used)


@put(
    "/certificate-uses/{key:str}/returns/{return_key:str}",
    responses=raises(UseUnknown, DiscountStays, MoreThanTaken, BodyChanged, CashierNeeded, TokenInPages),
)
async def put_certificate_return(
    till: TheTill,
    db: Db,
    key: Key,
    return_key: Annotated[str, PathParameter(pattern=KEY, description="The till's own id of the return.")],
    data: JSONBody[CertificateReturnIn],
) -> CertificateUseOut:
    """Give back to the certificate, at any till of the shop: never more than was taken, and nothing to a discount."""
    used = await certificates.give_back(db, till, key, return_key, data)
    return CertificateUseOut(*used)


router = Router(
    "/", route_handlers=[look_at_certificate, put_certificate_use, put_certificate_return], tags=["Checkout"]
)
