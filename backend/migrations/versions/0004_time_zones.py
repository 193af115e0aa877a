"""Time zones that PostgreSQL or Python does not know become UTC: statements that need their date failed."""

from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Names that depend on the settings of a machine.
LOCAL_NAMES = ("localtime", "posixrules", "Factory")
KNOWN = sa.text("""
    SELECT EXISTS (SELECT FROM pg_timezone_names WHERE lower(name) = lower(:zone))
        OR EXISTS (SELECT FROM pg_timezone_abbrevs WHERE lower(abbrev) = lower(:zone))
""")
ZONES = sa.text("SELECT timezone FROM programmes UNION SELECT timezone FROM shops")
PROGRAMMES = sa.text("UPDATE programmes SET timezone = 'UTC', rules_version = rules_version + 1 WHERE timezone = :zone")
SHOPS = sa.text("UPDATE shops SET timezone = 'UTC' WHERE timezone = :zone")


def upgrade() -> None:
    connection = op.get_bind()
    for zone in connection.scalars(ZONES).all():
        if zone in LOCAL_NAMES or not _python_knows(zone) or not connection.scalar(KNOWN, {"zone": zone}):
            connection.execute(PROGRAMMES, {"zone": zone})
            connection.execute(SHOPS, {"zone": zone})


def _python_knows(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError):  # no such zone, or no file of zone rules
        return False
    return True
