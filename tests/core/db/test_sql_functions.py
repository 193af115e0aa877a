"""SQL functions have the input types of their Python structs, named steps, and locks by name."""

import re

import pytest
from sqlalchemy import text

from backend.checkout.sales import sale_record
from backend.core.db.database import Database
from backend.core.db.schema_version import sql_files

BODY = re.compile(r"CREATE OR REPLACE FUNCTION (\w+)\(.*?(\$\w*\$).*?\2;?", re.DOTALL)
MAX_LINES = 40
# Longer than that, and how long: each is to become named steps, as checkout_sell_v2 is.
LONG_FUNCTIONS = {
    "scans_record_v2": 176,
    "checkout_return": 109,
    "orders_place": 77,
    "packages_find": 67,
    "orders_submit": 58,
    "ledger_earn_many": 50,
    "receipts_submit": 49,
    "award_headroom": 46,
    "receipts_award": 43,
    "gift_cards_refund": 42,
    "apply_promo_uses": 41,
    "checkout_snapshot": 41,
}
ATTRIBUTES = text("""
    SELECT a.attname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relname = :type AND c.relkind = 'c' ORDER BY a.attnum
""")
# Fields that the database sets.
ASSIGNED = {"sale_input": {"id"}, "redemption_input": {"sale_id", "id", "bonus"}}


def function_lines() -> dict[str, int]:
    """The lines of each SQL function, by name."""
    return {
        found[1]: found[0].count("\n") + 1 for path in sql_files() for found in BODY.finditer(path.read_text("utf-8"))
    }


def test_functions_have_at_most_forty_lines():
    longer = {name: lines for name, lines in function_lines().items() if lines > MAX_LINES}

    assert {name for name, lines in longer.items() if lines > LONG_FUNCTIONS.get(name, MAX_LINES)} == set()


def test_list_of_long_functions_has_no_short_one():
    lines = function_lines()

    assert [name for name in LONG_FUNCTIONS if lines.get(name, 0) <= MAX_LINES] == []


@pytest.mark.parametrize(
    ("struct", "name"),
    [
        (sale_record.SaleRecord, "sale_input"),
        (sale_record.LineRecord, "sale_line_input"),
        (sale_record.RedemptionRecord, "redemption_input"),
        (sale_record.RedemptionLine, "redemption_line_input"),
        (sale_record.SaleSignal, "sale_signal_input"),
    ],
)
async def test_input_type_has_the_fields_of_its_struct(db: Database, struct, name):
    attributes = {row.name for row in await db.rows(ATTRIBUTES, type=name)}

    assert attributes - ASSIGNED.get(name, set()) == set(struct.__struct_fields__)
