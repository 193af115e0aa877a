"""Fold stored promo codes like typed ones: Ё and a few rare letters become the Latin ones that they look like."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A copy of what scanning.symbols folds as of this migration. A code whose folded form is another's stays as it is.
OLD, NEW = "ЁӀЅЈҮԚԜ", "E1SJYQW"

FOLD = f"""
    UPDATE promo_codes c SET code = translate(c.code, '{OLD}', '{NEW}'), shown = coalesce(c.shown, c.code)
    WHERE c.code ~ '[{OLD}]'
        AND NOT EXISTS (SELECT FROM promo_codes o WHERE o.code = translate(c.code, '{OLD}', '{NEW}'))
        AND c.id = (SELECT min(o.id) FROM promo_codes o
            WHERE o.code ~ '[{OLD}]' AND translate(o.code, '{OLD}', '{NEW}') = translate(c.code, '{OLD}', '{NEW}'))
"""


def upgrade() -> None:
    op.execute(FOLD)
