"""Composite types of what checkout_sell_v2 is given; mirrored by backend/checkout/sales/sale_record.py."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TYPE sale_line_input AS (
            line bigint, product bigint, quantity numeric, amount bigint, discount bigint
        )
    """)
    op.execute("CREATE TYPE redemption_line_input AS (line bigint, base bigint, discount bigint)")
    # The last three fields are set by the database: the ids of the sale and of the redemption, and the bonus.
    op.execute("""
        CREATE TYPE redemption_input AS (
            code bigint, run int, brand bigint, programme bigint, rules_version bigint, campaign bigint, version bigint,
            account bigint, shop bigint, base bigint, discount bigint, due bigint, gross bigint, day_cap bigint,
            agent_cap bigint, budgeted boolean, owes_discount boolean, today date, matures_on date, expires_on date,
            reason text, lines redemption_line_input[], uses jsonb,
            sale_id bigint, id bigint, bonus bigint
        )
    """)
    op.execute("""
        CREATE TYPE sale_signal_input AS (code bigint, rule text, version int, shadow boolean, inputs jsonb)
    """)
    # The last field is set by the database.
    op.execute("""
        CREATE TYPE sale_input AS (
            sale int, till bigint, shop bigint, cashier bigint, key text, digest text, taken_at timestamptz,
            reservation text, lines sale_line_input[], codes redemption_input[], signals sale_signal_input[],
            answer jsonb, loss int, loss_most bigint, loss_most_of_shop bigint, fiscal jsonb,
            id bigint
        )
    """)


def downgrade() -> None:
    for name in (
        "sale_input",
        "sale_signal_input",
        "redemption_input",
        "redemption_line_input",
        "sale_line_input",
    ):
        op.execute(f"DROP TYPE {name}")
