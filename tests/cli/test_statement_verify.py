"""`scanback statement verify`: a right statement is right, and a changed row is found, named and told."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from backend import proof
from backend.cli.statement import statement
from backend.files.folder import Folder
from payouts import books, seals
from tests.make import World, bearer
from tests.payouts.conftest import as_superuser
from tests.wallets.earnings import account_id, earn, programme, the_day, wallet


@pytest.fixture
def files(tmp_path):
    return Folder(tmp_path / "files")


class Holder:
    """Somebody with a statement in his hands, among others who move as well."""

    def __init__(self, world: World, settings, files, folder) -> None:
        self.world, self.settings, self.files, self.folder = world, settings, files, folder

    async def settle_in(self) -> "Holder":
        self.account, self.other = await self.world.account(), await self.world.account()
        self.owner, self.made = await account_id(self.world, self.account), await programme(self.world)
        self.others_id = await account_id(self.world, self.other)
        return self

    async def live(self, times: int = 3) -> None:
        for number in range(times):
            await earn(self.world, self.others_id, self.made, 40 + number)
            await earn(self.world, self.owner, self.made, 100 + number)

    async def seal(self, most_rows: int = 50_000) -> None:
        async with proof.engine(self.settings) as engine:
            _ = [one async for one in seals.close(engine, wait_seconds=5, most_rows=most_rows)]

    async def number(self) -> int:
        return (await wallet(self.world, self.owner, self.made)).id

    async def taken(self, name: str = "statement.json") -> str:
        path = f"/v1/wallets/{await self.number()}/statement"
        query = {"proof": "true", "from": str(the_day() - timedelta(9))}
        response = await self.world.client.get(path, params=query, headers=bearer(self.account))
        assert response.status_code == 200, response.text
        return self.keep(name, response.text)

    async def published(self, name: str = "seals.json") -> str:
        response = await self.world.client.get("/v1/seals")
        assert response.status_code == 200, response.text
        return self.keep(name, response.text)

    def keep(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content, "utf-8")
        return str(path)


@pytest.fixture
async def holder(world: World, settings, files, tmp_path, owner) -> Holder:
    """Three rows of his own under two seals, three of somebody else's between them."""
    made = await Holder(world, settings, files, tmp_path).settle_in()
    await made.live()
    await made.seal(most_rows=4)
    yield made
    # What tests have done to the books is no fault of the house.
    await as_superuser(owner, "DELETE FROM lot_uses; DELETE FROM movements; DELETE FROM lots; DELETE FROM wallets; "
                       "DELETE FROM seals; DELETE FROM accruals")  # fmt: skip


def verified(*words: str):
    return CliRunner().invoke(statement, ["verify", *words])


def verdict(*words: str) -> dict:
    told = verified(*words, "--json")
    assert told.exit_code in (0, 1), told.output
    found = json.loads(told.stdout)
    assert found["ok"] is (told.exit_code == 0)
    return found


def codes(found: dict) -> set[tuple[str, int | None]]:
    return {(fault["code"], fault["movement"]) for fault in found["faults"]}


async def test_a_right_statement_is_right(holder: Holder):
    file, published = await holder.taken(), await holder.published()

    told = verified(file, "--seals", published)

    assert told.exit_code == 0, told.output
    assert told.output == "The statement is right: 3 rows, 3 of them sealed.\n"


async def test_it_holds_against_the_kept_copies_too(holder: Holder, settings, files):
    await proof.seal(settings, files, wait_seconds=5)
    async with proof.engine(settings) as engine:
        copy = holder.keep("copy.txt", "".join(seal.line() + "\n" for seal in await seals.made(engine)))

    assert verified(await holder.taken(), "--seals", copy).exit_code == 0


async def test_without_published_seals_it_says_what_it_did_not_prove(holder: Holder):
    told = verified(await holder.taken())

    assert told.exit_code == 0
    assert "It was not held against published seals" in told.output


async def test_rows_that_wait_for_their_seal_are_said_to(holder: Holder):
    await holder.live(2)

    found = verdict(await holder.taken(), "--seals", await holder.published())

    assert (found["ok"], found["rows"], found["sealed"]) == (True, 5, 3)


async def test_a_proof_shows_nothing_of_others(holder: Holder, owner):
    taken = Path(await holder.taken()).read_text("utf-8")

    others = await owner.rows(
        text("SELECT ledger_line(m) AS line, encode(ledger_salt(m.id, s.secret), 'hex') AS salt, "
             "encode(s.secret, 'hex') AS secret FROM movements m, seals s WHERE m.wallet_id <> :own"),
        own=await holder.number(),
    )  # fmt: skip
    assert others
    assert not any(row.line in taken or row.salt in taken or row.secret in taken for row in others)


async def test_a_proof_is_the_same_each_time(holder: Holder):
    assert Path(await holder.taken()).read_bytes() == Path(await holder.taken("again.json")).read_bytes()


@pytest.mark.parametrize(
    ("change", "also"),
    [("amount = amount + 1", "sum_wrong"), ("available_after = available_after - 1", "sum_wrong"),
     ("cause_id = cause_id + 10000000", None), ("at = at - interval '1 minute'", None)],
)  # fmt: skip
async def test_a_row_that_was_altered_in_the_database_is_found_by_both(holder: Holder, owner, change: str, also):
    published = await holder.published()
    ids = [row.id for row in await owner.rows(
        text("SELECT id FROM movements WHERE wallet_id = :own ORDER BY id"), own=await holder.number())]  # fmt: skip
    await as_superuser(owner, f"UPDATE movements SET {change} WHERE id = {ids[1]}")  # noqa: S608

    found = verdict(await holder.taken(), "--seals", published)

    assert ("row_changed", ids[1]) in codes(found)
    assert also is None or also in {code for code, _ in codes(found)}
    assert {code for code, _ in codes(found)} <= {"row_changed", "sum_wrong", "closing_wrong"}
    faults = await books.faults(owner.engine)
    assert any("not what was sealed" in fault and fault.endswith(f": changed {ids[1]}") for fault in faults)


async def test_a_row_that_was_altered_together_with_its_leaf_is_found(holder: Holder, owner):
    published = await holder.published()
    number = (await owner.call(text("SELECT min(id) AS id FROM movements"))).id
    await as_superuser(
        owner,
        f"UPDATE movements SET amount = amount + 1 WHERE id = {number + 1};"  # noqa: S608
        "UPDATE seals SET leaves = (SELECT string_agg(ledger_leaf(m, secret), ''::bytea ORDER BY id) FROM movements m "
        "WHERE m.id <= upto) WHERE upto = (SELECT min(upto) FROM seals)",
    )

    found = verdict(await holder.taken(), "--seals", published)

    assert "root_wrong" in {code for code, _ in codes(found)}
    assert any("not what was sealed" in fault for fault in await books.faults(owner.engine))


async def test_history_rewritten_with_all_its_seals_is_found_by_what_was_published(holder: Holder, owner):
    published = await holder.published()
    await as_superuser(owner, "UPDATE movements SET cause_id = cause_id + 10000000; DELETE FROM seals")
    await holder.seal(most_rows=4)

    alone, against = verdict(await holder.taken()), verdict(await holder.taken(), "--seals", published)

    assert alone["ok"] is True
    assert {code for code, _ in codes(against)} == {"published_otherwise"}


async def test_a_row_that_was_left_out_is_found(holder: Holder, owner):
    await as_superuser(owner, f"DELETE FROM movements WHERE wallet_id = {await holder.number()} AND wallet_seq = 2")  # noqa: S608

    found = verdict(await holder.taken())

    assert {"row_missing", "sum_wrong"} == {code for code, _ in codes(found)}


async def test_seals_that_do_not_follow_one_another_are_found(holder: Holder):
    file, published = await holder.taken(), await holder.published()
    told = json.loads(Path(published).read_text("utf-8"))
    told["items"][1]["previous"] = told["items"][1]["root"]

    found = verdict(file, "--seals", holder.keep("other.json", json.dumps(told)))

    assert {code for code, _ in codes(found)} == {"seal_wrong", "chain_broken"}


async def test_a_seal_that_was_never_published_is_found(holder: Holder):
    file, published = await holder.taken(), await holder.published()
    told = json.loads(Path(published).read_text("utf-8"))
    del told["items"][1]

    found = verdict(file, "--seals", holder.keep("other.json", json.dumps(told)))

    assert {code for code, _ in codes(found)} == {"not_published"}


def each_change(told: dict):
    """The same statement with each number and each hash of it changed, one at a time."""
    for index in range(len(told["items"])):
        for name in ("amount", "available_after", "seq", "id"):
            yield ["items", index, name], lambda value: value + 1
        yield ["items", index, "kind"], lambda value: "settle"
        yield ["items", index, "at"], lambda value: "2020-01-01T00:00:00Z"
    for index in range(len(told["proof"]["rows"])):
        yield ["proof", "rows", index, "line"], lambda value: value[:-1] + "9"
        yield ["proof", "rows", index, "salt"], lambda value: "0" * 64
        yield ["proof", "rows", index, "leaf"], lambda value: "0" * 64
    for index in range(len(told["proof"]["seals"])):
        for name in ("root", "hash", "previous"):
            yield ["proof", "seals", index, name], lambda value: "0" * 63 + "1"
        for name in ("upto", "rows"):
            yield ["proof", "seals", index, name], lambda value: value + 1
        yield ["proof", "seals", index, "places"], lambda value: [(value[0] + 1) % 4, *value[1:]]
        yield ["proof", "seals", index, "path"], lambda value: value[:-1]
        yield ["proof", "seals", index, "path"], lambda value: ["0" * 64, *value[1:]]
    yield ["closing", "available"], lambda value: value + 1
    yield ["wallet_id"], lambda value: value + 1


async def test_whatever_is_changed_in_a_statement_is_found(holder: Holder):
    original = Path(await holder.taken()).read_text("utf-8")
    found = []

    for path, change in each_change(json.loads(original)):
        told = json.loads(original)
        *way, last = path
        place = told
        for step in way:
            place = place[step]
        place[last] = change(place[last])
        if verdict(holder.keep("changed.json", json.dumps(told)))["ok"]:
            found.append(path)

    assert found == []


@pytest.mark.parametrize("content", ["", "{}", "[]", "nonsense", '{"format": "scanback statement 2"}', "\x00"])
def test_a_file_that_is_no_statement_is_refused(tmp_path, content: str):
    file = tmp_path / "statement.json"
    file.write_text(content, "utf-8")

    told = verified(str(file))

    assert told.exit_code == 2
    assert "This cannot be read" in told.output


@pytest.mark.parametrize("content", ["1 2 3", "a b c d e f", "{}", '{"items": [{"upto": 1}]}'])
async def test_a_file_that_holds_no_seals_is_refused(holder: Holder, content: str):
    told = verified(await holder.taken(), "--seals", holder.keep("seals.txt", content))

    assert told.exit_code == 2


async def test_seals_are_published_page_by_page_to_anybody(holder: Holder):
    first = (await holder.world.client.get("/v1/seals", params={"limit": 1})).json()
    second = (await holder.world.client.get("/v1/seals", params={"limit": 1, "cursor": first["next"]})).json()

    assert [page["items"][0]["rows"] for page in (first, second)] == [4, 2]
    assert second["items"][0]["previous"] == first["items"][0]["hash"]
    assert "next" not in second
    assert first["items"][0].keys() == {"upto", "previous", "root", "hash", "rows", "at"}


async def test_a_period_whose_seals_cover_too_much_is_refused(holder: Holder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.wallets.statements.MOST_LEAVES", 5)

    response = await holder.world.client.get(
        f"/v1/wallets/{await holder.number()}/statement?proof=true", headers=bearer(holder.account)
    )

    assert (response.status_code, response.json()["code"]) == (422, "proof_too_long")
