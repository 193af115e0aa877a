"""`scanback statement verify`: a right statement is accepted, every change is found and reported."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from backend.cli.admin.statement import statement
from backend.core.storage.folder import Folder
from backend.operations import ledger_audit
from payouts import audit, checkpoints
from tests.make import World, bearer
from tests.payouts.conftest import as_superuser
from tests.spending.wallets.earnings import account_id, earn, programme, the_day, wallet


@pytest.fixture
def files(tmp_path):
    return Folder(tmp_path / "files")


class Holder:
    """An account with a statement, and another account with entries in between."""

    def __init__(self, world: World, settings, files, folder) -> None:
        self.world, self.settings, self.files, self.folder = world, settings, files, folder

    async def create_accounts(self) -> "Holder":
        self.account, self.other = await self.world.account(), await self.world.account()
        self.owner, self.made = await account_id(self.world, self.account), await programme(self.world)
        self.others_id = await account_id(self.world, self.other)
        return self

    async def earn_points(self, times: int = 3) -> None:
        for number in range(times):
            await earn(self.world, self.others_id, self.made, 40 + number)
            await earn(self.world, self.owner, self.made, 100 + number)

    async def seal(self, max_rows: int = 50_000) -> None:
        async with ledger_audit.open_engine(self.settings) as engine:
            _ = [one async for one in checkpoints.create_checkpoints(engine, wait_seconds=5, max_rows=max_rows)]

    async def number(self) -> int:
        return (await wallet(self.world, self.owner, self.made)).id

    async def statement(self, name: str = "statement.json") -> str:
        path = f"/v1/wallets/{await self.number()}/statement"
        query = {"proof": "true", "from": str(the_day() - timedelta(9))}
        response = await self.world.client.get(path, params=query, headers=bearer(self.account))
        assert response.status_code == 200, response.text
        return self.write_file(name, response.text)

    async def published(self, name: str = "seals.json") -> str:
        response = await self.world.client.get("/v1/seals")
        assert response.status_code == 200, response.text
        return self.write_file(name, response.text)

    def write_file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content, "utf-8")
        return str(path)


@pytest.fixture
async def holder(world: World, settings, files, tmp_path, owner) -> Holder:
    """Three rows of the account under two seals, with three rows of another account between them."""
    made = await Holder(world, settings, files, tmp_path).create_accounts()
    await made.earn_points()
    await made.seal(max_rows=4)
    yield made
    # The tests alter the ledger, which is audited after each test.
    await as_superuser(
        owner,
        "DELETE FROM lot_uses; DELETE FROM movements; DELETE FROM lots; DELETE FROM wallets; "
        "DELETE FROM seals; DELETE FROM accruals",
    )


def run_verify(*words: str):
    return CliRunner().invoke(statement, ["verify", *words])


def verdict(*words: str) -> dict:
    result = run_verify(*words, "--json")
    assert result.exit_code in (0, 1), result.output
    found = json.loads(result.stdout)
    assert found["ok"] is (result.exit_code == 0)
    return found


def codes(found: dict) -> set[tuple[str, int | None]]:
    return {(fault["code"], fault["movement"]) for fault in found["faults"]}


async def test_right_statement_is_accepted(holder: Holder):
    file, published = await holder.statement(), await holder.published()

    result = run_verify(file, "--seals", published)

    assert result.exit_code == 0, result.output
    assert result.output == "The statement is right: 3 rows, 3 of them sealed.\n"


async def test_statement_matches_the_stored_copies(holder: Holder, settings, files):
    await ledger_audit.seal(settings, files, wait_seconds=5)
    async with ledger_audit.open_engine(settings) as engine:
        copy = holder.write_file(
            "copy.txt", "".join(seal.line() + "\n" for seal in await checkpoints.all_checkpoints(engine))
        )

    assert run_verify(await holder.statement(), "--seals", copy).exit_code == 0


async def test_statement_without_published_seals_has_a_note(holder: Holder):
    result = run_verify(await holder.statement())

    assert result.exit_code == 0
    assert "It was not held against published seals" in result.output


async def test_unsealed_rows_are_reported(holder: Holder):
    await holder.earn_points(2)

    found = verdict(await holder.statement(), "--seals", await holder.published())

    assert (found["ok"], found["rows"], found["sealed"]) == (True, 5, 3)


async def test_proof_reveals_nothing_of_others(holder: Holder, owner):
    content = Path(await holder.statement()).read_text("utf-8")

    others = await owner.rows(
        text(
            "SELECT ledger_line(m) AS line, encode(ledger_salt(m.id, s.secret), 'hex') AS salt, "
            "encode(s.secret, 'hex') AS secret FROM movements m, seals s WHERE m.wallet_id <> :own"
        ),
        own=await holder.number(),
    )
    assert others
    assert not any(row.line in content or row.salt in content or row.secret in content for row in others)


async def test_proof_is_deterministic(holder: Holder):
    assert Path(await holder.statement()).read_bytes() == Path(await holder.statement("again.json")).read_bytes()


@pytest.mark.parametrize(
    ("change", "also"),
    [
        ("amount = amount + 1", "sum_wrong"),
        ("available_after = available_after - 1", "sum_wrong"),
        ("cause_id = cause_id + 10000000", None),
        ("at = at - interval '1 minute'", None),
    ],
)
async def test_altered_row_is_found_by_audit_and_verifier(holder: Holder, owner, change: str, also):
    published = await holder.published()
    ids = [
        row.id
        for row in await owner.rows(
            text("SELECT id FROM movements WHERE wallet_id = :own ORDER BY id"), own=await holder.number()
        )
    ]
    await as_superuser(owner, f"UPDATE movements SET {change} WHERE id = {ids[1]}")  # noqa: S608

    found = verdict(await holder.statement(), "--seals", published)

    assert ("row_changed", ids[1]) in codes(found)
    assert also is None or also in {code for code, _ in codes(found)}
    assert {code for code, _ in codes(found)} <= {"row_changed", "sum_wrong", "closing_wrong"}
    faults = await audit.find_faults(owner.engine)
    assert any("not what was sealed" in fault and fault.endswith(f": changed {ids[1]}") for fault in faults)


async def test_row_altered_with_its_leaf_is_found(holder: Holder, owner):
    published = await holder.published()
    number = (await owner.call(text("SELECT min(id) AS id FROM movements"))).id
    await as_superuser(
        owner,
        f"UPDATE movements SET amount = amount + 1 WHERE id = {number + 1};"  # noqa: S608
        "UPDATE seals SET leaves = (SELECT string_agg(ledger_leaf(m, secret), ''::bytea ORDER BY id) FROM movements m "
        "WHERE m.id <= upto) WHERE upto = (SELECT min(upto) FROM seals)",
    )

    found = verdict(await holder.statement(), "--seals", published)

    assert "root_wrong" in {code for code, _ in codes(found)}
    assert any("not what was sealed" in fault for fault in await audit.find_faults(owner.engine))


async def test_history_rewritten_with_seals_differs_from_the_published(holder: Holder, owner):
    published = await holder.published()
    await as_superuser(owner, "UPDATE movements SET cause_id = cause_id + 10000000; DELETE FROM seals")
    await holder.seal(max_rows=4)

    unpublished, against = verdict(await holder.statement()), verdict(await holder.statement(), "--seals", published)

    assert unpublished["ok"] is True
    assert {code for code, _ in codes(against)} == {"published_otherwise"}


async def test_omitted_row_is_found(holder: Holder, owner):
    await as_superuser(owner, f"DELETE FROM movements WHERE wallet_id = {await holder.number()} AND wallet_seq = 2")  # noqa: S608

    found = verdict(await holder.statement())

    assert {"row_missing", "sum_wrong"} == {code for code, _ in codes(found)}


async def test_seals_out_of_sequence_are_found(holder: Holder):
    file, published = await holder.statement(), await holder.published()
    result = json.loads(Path(published).read_text("utf-8"))
    result["items"][1]["previous"] = result["items"][1]["root"]

    found = verdict(file, "--seals", holder.write_file("other.json", json.dumps(result)))

    assert {code for code, _ in codes(found)} == {"seal_wrong", "chain_broken"}


async def test_unpublished_seal_is_found(holder: Holder):
    file, published = await holder.statement(), await holder.published()
    result = json.loads(Path(published).read_text("utf-8"))
    del result["items"][1]

    found = verdict(file, "--seals", holder.write_file("other.json", json.dumps(result)))

    assert {code for code, _ in codes(found)} == {"not_published"}


def each_change(result: dict):
    """The same statement with each number and each hash of it changed, one at a time."""
    for index in range(len(result["items"])):
        for name in ("amount", "available_after", "seq", "id"):
            yield ["items", index, name], lambda value: value + 1
        yield ["items", index, "kind"], lambda value: "settle"
        yield ["items", index, "at"], lambda value: "2020-01-01T00:00:00Z"
    for index in range(len(result["proof"]["rows"])):
        yield ["proof", "rows", index, "line"], lambda value: value[:-1] + "9"
        yield ["proof", "rows", index, "salt"], lambda value: "0" * 64
        yield ["proof", "rows", index, "leaf"], lambda value: "0" * 64
    for index in range(len(result["proof"]["seals"])):
        for name in ("root", "hash", "previous"):
            yield ["proof", "seals", index, name], lambda value: "0" * 63 + "1"
        for name in ("upto", "rows"):
            yield ["proof", "seals", index, name], lambda value: value + 1
        yield ["proof", "seals", index, "places"], lambda value: [(value[0] + 1) % 4, *value[1:]]
        yield ["proof", "seals", index, "path"], lambda value: value[:-1]
        yield ["proof", "seals", index, "path"], lambda value: ["0" * 64, *value[1:]]
    yield ["closing", "available"], lambda value: value + 1
    yield ["wallet_id"], lambda value: value + 1


async def test_changed_statement_is_detected(holder: Holder):
    original = Path(await holder.statement()).read_text("utf-8")
    found = []

    for path, change in each_change(json.loads(original)):
        result = json.loads(original)
        *way, last = path
        place = result
        for step in way:
            place = place[step]
        place[last] = change(place[last])
        if verdict(holder.write_file("changed.json", json.dumps(result)))["ok"]:
            found.append(path)

    assert found == []


@pytest.mark.parametrize("content", ["", "{}", "[]", "nonsense", '{"format": "scanback statement 2"}', "\x00"])
def test_file_without_a_statement_is_refused(tmp_path, content: str):
    file = tmp_path / "statement.json"
    file.write_text(content, "utf-8")

    result = run_verify(str(file))

    assert result.exit_code == 2
    assert "This cannot be read" in result.output


@pytest.mark.parametrize("content", ["1 2 3", "a b c d e f", "{}", '{"items": [{"upto": 1}]}'])
async def test_file_without_seals_is_refused(holder: Holder, content: str):
    result = run_verify(await holder.statement(), "--seals", holder.write_file("seals.txt", content))

    assert result.exit_code == 2


async def test_seals_are_public_and_paginated(holder: Holder):
    first = (await holder.world.client.get("/v1/seals", params={"limit": 1})).json()
    second = (await holder.world.client.get("/v1/seals", params={"limit": 1, "cursor": first["next"]})).json()

    assert [page["items"][0]["rows"] for page in (first, second)] == [4, 2]
    assert second["items"][0]["previous"] == first["items"][0]["hash"]
    assert "next" not in second
    assert first["items"][0].keys() == {"upto", "previous", "root", "hash", "rows", "at"}


async def test_period_with_too_many_sealed_rows_is_refused(holder: Holder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.spending.wallets.statements.service.MAX_LEAVES", 5)

    response = await holder.world.client.get(
        f"/v1/wallets/{await holder.number()}/statement?proof=true", headers=bearer(holder.account)
    )

    assert (response.status_code, response.json()["code"]) == (422, "proof_too_long")
