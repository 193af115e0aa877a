"""The log of what staff did: read, exported, only ever added to, and sealed."""

import csv
import io
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from backend.core.storage.store import create_store
from backend.operations import audit_checkpoints, ledger_audit
from tests.make import World

LOG = "/v1/console/audit-log"


class Later(datetime):
    """The clock of three weeks from now."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(days=20)


@pytest.fixture
async def boss(world: World):
    """An owner who has done three things."""
    owner = await world.staff()
    for name in ("One", "Two", "Three"):
        await owner.put("/v1/console/brand", {"name": f"{name} {owner.id}"})
    return owner


@pytest.fixture
def files(settings, tmp_path):

    made = create_store(replace(settings, data=tmp_path))
    yield made
    made.close()


async def as_superuser(owner, statement: str) -> None:
    """Changes by the database's owner, past the triggers."""
    async with owner.begin() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text(statement))


async def faults(owner, files) -> list[str]:
    return await audit_checkpoints.find_faults(owner.engine, files)


async def test_log_has_member_and_action(boss):
    found = await boss.get(LOG)
    again = await boss.get(LOG, headers={"If-None-Match": found.headers["etag"]})

    assert [(one["member"], one["kind"]) for one in found.json()["items"]] == [(boss.email, "brand.renamed")] * 3
    assert again.status_code == 304


async def test_log_is_narrowed_and_paged(world, boss):
    brand = await world.brand_of(boss)
    other = await world.staff(brand)
    await other.put("/v1/console/programmes/club", {"name": "x", "currency": "PTS"})

    kinds = [one["kind"] for one in (await boss.get(LOG, params={"event_kind": "programme."})).json()["items"]]
    by = [one["kind"] for one in (await boss.get(LOG, params={"member": other.email})).json()["items"]]
    first = (await boss.get(LOG, params={"limit": 3})).json()
    rest = (await boss.get(LOG, params={"limit": 3, "cursor": first["next"]})).json()

    assert kinds == by == ["programme.created"]
    assert len({one["event"] for one in first["items"] + rest["items"]}) == 4
    assert (await boss.get(LOG, params={"event_kind": "brand.renamed", "limit": 100})).json()["items"] != []


async def test_log_as_a_file_in_both_languages(boss):
    english = await boss.get(f"{LOG}/export")
    russian = await boss.get(f"{LOG}/export", headers={"Accept-Language": "ru"})

    rows = list(csv.DictReader(io.StringIO(english.content.decode("utf-8-sig"))))
    assert [row["kind"] for row in rows] == ["brand.renamed"] * 3
    assert russian.content.decode("utf-8-sig").startswith("Событие;Когда;Сотрудник;")


@pytest.mark.parametrize("statement", ["UPDATE events SET kind = 'x'", "DELETE FROM events", "TRUNCATE events CASCADE"])
async def test_log_changed_by_database_owner_is_refused(owner, boss, statement):
    async with owner.sessions() as session:
        with pytest.raises(ProgrammingError, match="append-only"):
            await session.execute(text(statement))


async def test_sealed_log_unchanged_has_no_faults(owner, db, boss, files):
    sealed = await audit_checkpoints.create_seals(db, files, wait_seconds=5)
    again = await audit_checkpoints.create_seals(db, files, wait_seconds=5)

    assert (sealed, again) == (3, 0)
    assert await faults(owner, files) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET body = body || '{\"id\": 9}' WHERE id = :id", "changed"),
        ("UPDATE events SET staff_id = staff_id + 1 WHERE id = :id", "changed"),
        ("UPDATE events SET kind = 'x.y' WHERE id = :id", "changed"),
        ("UPDATE events SET at = at - interval '1 day' WHERE id = :id", "changed"),
        ("UPDATE events SET staff_id = NULL WHERE id = :id", "2 rows, not 3"),
        ("DELETE FROM events WHERE id = :id", "2 rows, not 3"),
    ],
)
async def test_log_that_was_altered_is_found(owner, db, boss, files, statement, said):
    await audit_checkpoints.create_seals(db, files, wait_seconds=5)
    row = await db.call(text("SELECT max(id) - 1 AS id FROM events WHERE staff_id IS NOT NULL"))

    await as_superuser(owner, statement.replace(":id", str(row.id)).replace('{"id": 9}', '{"id"\\: 9}'))

    (fault,) = await faults(owner, files)
    assert said in fault
    assert "changed" not in said or str(row.id) in fault


async def test_recreated_seals_differ_from_their_copies(owner, db, boss, files):
    await audit_checkpoints.create_seals(db, files, wait_seconds=5)

    await as_superuser(owner, "DELETE FROM events WHERE id = (SELECT max(id) FROM events WHERE staff_id IS NOT NULL)")
    await as_superuser(owner, "DELETE FROM audit_seals")
    await audit_checkpoints.create_seals(db, files, wait_seconds=5)

    (fault,) = await faults(owner, files)
    assert "kept elsewhere" in fault


async def test_seals_that_were_all_removed_are_missed(owner, db, boss, files):
    await audit_checkpoints.create_seals(db, files, wait_seconds=5)

    await as_superuser(owner, "DELETE FROM audit_seals")

    (fault,) = await faults(owner, files)
    assert "kept elsewhere" in fault


async def test_seals_made_anew_after_quiet_weeks_are_found(owner, db, boss, files, monkeypatch):
    await audit_checkpoints.create_seals(db, files, wait_seconds=5)
    monkeypatch.setattr(audit_checkpoints, "datetime", Later)

    await as_superuser(owner, "DELETE FROM events WHERE staff_id IS NOT NULL")
    await as_superuser(owner, "DELETE FROM audit_seals")
    none = await faults(owner, files)
    await boss.put("/v1/console/brand", {"name": f"Four {boss.id}"})
    await audit_checkpoints.create_seals(db, files, wait_seconds=5)
    await as_superuser(owner, "UPDATE audit_seals SET at = at + interval '20 days'")

    assert none == await faults(owner, files)
    assert none == ["staff's log: the first seal is not the one that was kept elsewhere"]


async def test_ledger_check_covers_the_log(owner, settings, db, boss, files):
    await ledger_audit.seal(settings, files, wait_seconds=5)
    before = (await ledger_audit.prove(settings, files)).faults
    await as_superuser(owner, "UPDATE events SET kind = 'x.y' WHERE staff_id IS NOT NULL")
    after = (await ledger_audit.prove(settings, files)).faults

    assert before == []
    assert len(after) == 1
    assert after[0].startswith("staff's log: ")
