"""SQL files are applied when they change; functions that no file has any more stay for code of the last release."""

from collections import Counter

import pytest
from sqlalchemy import create_engine, text

from backend.cli.server.migration import EVERY_TIME, migrate
from backend.core.db.schema_version import sql_files

APPLIED = text("SELECT name, applied_at FROM sql_files")


@pytest.fixture
def owner(own_database_url):
    engine = create_engine(own_database_url)
    yield engine
    engine.dispose()


def execute(owner, *statements):
    with owner.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def applied(owner):
    with owner.begin() as connection:
        return dict(iter(connection.execute(APPLIED)))


def has_function(owner, name):
    with owner.begin() as connection:
        return connection.execute(text("SELECT to_regproc(:name) IS NOT NULL"), {"name": name}).scalar_one()


def test_sql_files_have_names_of_their_own():
    names = Counter(path.name for path in sql_files())

    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.own_db
def test_migrate_again_applies_only_grants(own_database_url, owner):
    before = applied(owner)

    migrate(own_database_url)

    after = applied(owner)
    assert before.keys() == {path.name for path in sql_files()}
    assert {name for name in after if after[name] != before[name]} == EVERY_TIME


@pytest.mark.own_db
def test_migrate_applies_sql_file_that_changed(own_database_url, owner):
    execute(
        owner,
        "DROP FUNCTION audit_seal(bigint, int)",
        "UPDATE sql_files SET checksum = 'of an earlier release' WHERE name = '92_audit.sql'",
    )
    before = applied(owner)

    migrate(own_database_url)

    after = applied(owner)
    assert has_function(owner, "audit_seal")
    assert {name for name in after if after[name] != before[name]} == {"92_audit.sql"} | EVERY_TIME


@pytest.mark.own_db
def test_migrate_leaves_function_of_last_release(own_database_url, owner):
    execute(owner, "CREATE FUNCTION of_the_last_release() RETURNS int LANGUAGE sql AS 'SELECT 1'")

    migrate(own_database_url)

    assert has_function(owner, "of_the_last_release")


@pytest.mark.own_db
def test_migrate_protects_new_table_of_a_brand(own_database_url, owner):
    execute(owner, "CREATE TABLE brand_notes (brand_id bigint NOT NULL)")

    migrate(own_database_url)

    with owner.begin() as connection:
        policies = connection.execute(text("SELECT tablename FROM pg_policies WHERE policyname = 'one_brand'"))
        assert "brand_notes" in policies.scalars().all()
