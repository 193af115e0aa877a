"""All tables of the installation, known to the migrations by being imported here."""

from sqlalchemy import MetaData

from payouts.models import Base

metadata: MetaData = Base.metadata
TABLES_OF_OTHERS = ("procrastinate_", "alembic_")


def ours(name: str | None, kind: str) -> bool:
    """Whether a table is ours to compare; the job library brings its own."""
    return kind != "table" or not (name or "").startswith(TABLES_OF_OTHERS)
