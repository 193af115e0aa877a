"""Alembic's environment: the tables that it compares and migrates."""

from alembic import context
from sqlalchemy import create_engine, pool

from backend.tables import metadata, ours

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=lambda name, kind, _parents: ours(name, kind),
        compare_server_default=False,
    )
    with context.begin_transaction():
        context.run_migrations()
