"""All tables of the installation, known to the migrations by being imported here."""

from types import ModuleType

from sqlalchemy import MetaData

from backend import events, jobs, limits
from backend.accounts import models as accounts
from backend.brands import models as brands
from backend.checkout import models as checkout
from backend.offers import models as offers
from backend.packages import models as packages
from backend.programmes import models as programmes
from backend.promocodes import models as promocodes
from backend.receipts import models as receipts
from backend.scans import models as scans
from backend.shops import models as shops
from backend.webhooks import models as webhooks
from payouts.models import Base

# Naming the modules keeps their imports: they are what fills the metadata.
ROOMS: tuple[ModuleType, ...] = (
    accounts, brands, checkout, events, jobs, limits, offers, packages, programmes, promocodes, receipts, scans, shops,
    webhooks,
)  # fmt: skip
metadata: MetaData = Base.metadata
TABLES_OF_OTHERS = ("procrastinate_", "alembic_")


def ours(name: str | None, kind: str) -> bool:
    """Whether a table is ours to compare; the job library brings its own."""
    return kind != "table" or not (name or "").startswith(TABLES_OF_OTHERS)
