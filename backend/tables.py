"""All tables of the installation, known to the migrations by being imported here."""

from types import ModuleType

from sqlalchemy import MetaData

from backend.checkout import models as checkout
from backend.core.db import events, jobs, rate_limits, schema_version
from backend.core.security import digests
from backend.earning.packages import models as packages
from backend.earning.promocodes import models as promocodes
from backend.earning.receipts import models as receipts
from backend.earning.scans import models as scans
from backend.identity.accounts import models as accounts
from backend.identity.approvals import models as approvals
from backend.identity.brands import models as brands
from backend.imports import models as imports
from backend.notifications.webhooks import models as webhooks
from backend.operations import audit_checkpoints
from backend.programmes import models as programmes
from backend.shops import models as shops
from backend.spending import models as spending
from backend.spending.corrections import models as corrections
from payouts.models import Base

# Importing the modules fills the metadata; naming them keeps the imports.
MODEL_MODULES: tuple[ModuleType, ...] = (
    accounts,
    approvals,
    audit_checkpoints,
    brands,
    checkout,
    corrections,
    digests,
    events,
    imports,
    jobs,
    rate_limits,
    spending,
    packages,
    programmes,
    promocodes,
    receipts,
    scans,
    schema_version,
    shops,
    webhooks,
)
metadata: MetaData = Base.metadata
TABLES_OF_OTHERS = ("procrastinate_", "alembic_")


def ours(name: str | None, kind: str) -> bool:
    """Whether a table is ours to compare; the job library brings its own."""
    return kind != "table" or not (name or "").startswith(TABLES_OF_OTHERS)
