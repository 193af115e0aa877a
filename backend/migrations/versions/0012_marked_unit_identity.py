"""Marked units: one identity for all spellings of a unit, also for the units that are stored already."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Lists whose separators were lost: most of their serial numbers end with the tail in 93. The tail is cut off.
GLUED_LISTS = """
    WITH glued AS (
        SELECT batch_id FROM marked_units WHERE batch_id IS NOT NULL
        GROUP BY batch_id HAVING count(*) FILTER (WHERE serial ~ '.93.{4}$') * 2 > count(*)
    ), cut AS (
        SELECT u.id, u.gtin, left(u.serial, -6) AS serial,
            row_number() OVER (PARTITION BY u.gtin, left(u.serial, -6) ORDER BY u.id) AS place
        FROM marked_units u JOIN glued g USING (batch_id) WHERE u.serial ~ '.93.{4}$'
    )
    UPDATE marked_units u SET serial = c.serial FROM cut c
    WHERE u.id = c.id AND c.place = 1
        AND NOT EXISTS (SELECT FROM marked_units o WHERE o.gtin = c.gtin AND o.serial = c.serial)
"""
# As of this migration escapes are read as the characters that they stand for.
ESCAPES = {
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&apos;": "'",
    "&amp;": "&",
    **{f"%{ord(sign):02X}": sign for sign in "!\"%&'()*+,-./:;<=>?_"},
}
FIND_ESCAPED = """
    CREATE TEMPORARY TABLE escaped ON COMMIT DROP AS SELECT id FROM marked_units
    WHERE serial ~ '&(lt|gt|quot|apos|amp);|%(2[1-9A-F]|3[A-F]|5F)'
"""
UNESCAPE = sa.text("""
    WITH cut AS (
        SELECT u.id, u.gtin, replace(u.serial, :written, :meant) AS serial,
            row_number() OVER (PARTITION BY u.gtin, replace(u.serial, :written, :meant) ORDER BY u.id) AS place
        FROM marked_units u JOIN escaped USING (id) WHERE strpos(u.serial, :written) > 0
    )
    UPDATE marked_units u SET serial = c.serial FROM cut c
    WHERE u.id = c.id AND c.place = 1
        AND NOT EXISTS (SELECT FROM marked_units o WHERE o.gtin = c.gtin AND o.serial = c.serial)
""")


def one_identity() -> Iterator[sa.TextClause]:
    """The statements that bring stored units to the spelling in which they are read now."""
    yield sa.text(GLUED_LISTS)
    yield sa.text(FIND_ESCAPED)
    for _ in range(2):  # twice: escapes may be nested
        for written, meant in ESCAPES.items():
            yield UNESCAPE.bindparams(written=written, meant=meant)


def upgrade() -> None:
    for statement in one_identity():
        op.execute(statement)
    # Units outside of lists are as many as were paid for: the index stays small however large the table is.
    op.create_index(
        "ix_marked_units_unlisted",
        "marked_units",
        ["gtin", sa.literal_column("lower(serial)").label("small")],
        unique=False,
        postgresql_ops={"small": "text_pattern_ops"},
        postgresql_where=sa.text("batch_id IS NULL"),
    )
