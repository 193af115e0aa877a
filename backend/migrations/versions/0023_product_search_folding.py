"""Fold the search text of products like codes, so that look-alike letters of other alphabets find them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# A copy of scanning.symbols.LOOK_ALIKES as of this migration: capitals of Latin, Greek and Cyrillic.
ALIKE = str.maketrans(
    "OILİАВЕЁКМНОРСТУХЗІӀЅЈҮԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ",
    "0111ABEEKMH0PCTYX311SJYQWABEZH1KMN0PTYXC",
)
SMALL = "".join(map(chr, range(0x61, 0x530)))
SMALL = "".join(sign for sign in SMALL if sign.islower() and len(sign.upper()) == 1)
FOLDED = SMALL.upper().translate(ALIKE)
FOLD = sa.text("UPDATE products SET search = translate(search, :small, :folded)").bindparams(small=SMALL, folded=FOLDED)


def upgrade() -> None:
    op.execute(FOLD)
