"""Data for benchmarks of promo codes: a thousand campaigns, shops with one till each, and millions of agents' codes."""

import msgspec
from sqlalchemy import select, text

from backend.core.security import tokens
from backend.identity.brands.models import Brand
from backend.programmes.models import Programme
from backend.programmes.rules.rule import PercentAmount, Promo, Rule
from bench.stage import Stage

CAMPAIGNS, TILLS = 1000, 64
STEP = 1_000_000
# 5 % for the buyer, and 3 % for the agent after the period for returns.
RULE = Rule(
    ways=frozenset({"promo"}),
    amount=PercentAmount(300),
    hold_days=14,
    lifetime_days=365,
    promo=Promo(PercentAmount(500)),
)
SINGLE = msgspec.structs.replace(RULE, promo=Promo(PercentAmount(500), uses=1))

PLACES = text("""
    WITH s AS (
        INSERT INTO shops (number, name) SELECT lpad(n::text, 10, '0'), 'Shop ' || n
        FROM generate_series(1, CAST(:count AS int)) AS n RETURNING id, number),
    b AS (INSERT INTO brand_shops (brand_id, key, shop_id, keeper) SELECT :brand, number, id, true FROM s)
    INSERT INTO tills (shop_id, key, token_digest)
    SELECT id, 'till', (CAST(:digests AS bytea[]))[number::int] FROM s ORDER BY id RETURNING id, shop_id
""")
CAMPAIGN = text("""
    WITH c AS (
        INSERT INTO campaigns (brand_id, programme_id, key, state, starts_at)
        SELECT :brand, :programme, :key || '-' || n, 'active', now() - interval '1 day'
        FROM generate_series(1, CAST(:count AS int)) AS n RETURNING id, brand_id)
    INSERT INTO campaign_versions (brand_id, campaign_id, version, name_ru, rule)
    SELECT brand_id, id, 1, 'Проба', CAST(:rule AS jsonb) FROM c RETURNING campaign_id
""")
# Codes are their numbers; campaigns and agents alternate.
CODES = text("""
    INSERT INTO promo_codes (code, brand_id, campaign_id, account_id, key)
    SELECT :prefix || lpad(n::text, 9, '0'), :brand, c.ids[1 + n % cardinality(c.ids)],
        a.ids[1 + n % cardinality(a.ids)], (lpad(to_hex(ascii(:prefix)), 8, '0') || lpad(to_hex(n), 24, '0'))::uuid
    FROM generate_series(CAST(:begin AS int), CAST(:end AS int)) AS n,
        (SELECT CAST(:campaigns AS bigint[])) AS c (ids), (SELECT CAST(:accounts AS bigint[])) AS a (ids)
""")
RUNS = text("INSERT INTO promo_runs (code_id, n) SELECT id, 0 FROM promo_codes WHERE starts_with(code, :prefix)")


class Shop(msgspec.Struct):
    """Tills and campaigns of the benchmark."""

    at: Stage
    brand: int
    tills: list[int]
    shops: list[int]
    bearers: list[str]
    single: list[int]
    many: list[int]

    async def insert_codes(self, prefix: str, campaigns: list[int], begin: int, end: int) -> None:
        """Create codes numbered from `begin` to below `end`."""
        for first in range(begin, end, STEP):
            async with self.at.db.begin() as session:
                # Without foreign key checks of agents, which take most of the time.
                await session.execute(text("SET LOCAL session_replication_role = replica"))
                await session.execute(
                    CODES,
                    {
                        "prefix": prefix,
                        "brand": self.brand,
                        "campaigns": campaigns,
                        "accounts": self.at.accounts,
                        "begin": first,
                        "end": min(first + STEP, end) - 1,
                    },
                )
        await self.vacuum("promo_codes")

    async def for_sale(self, prefix: str, campaigns: list[int], count: int) -> None:
        """Create codes with runs, as agents' codes have them from the start."""
        await self.insert_codes(prefix, campaigns, 0, count)
        await self.at.db.rows(RUNS, prefix=prefix)
        await self.vacuum("promo_runs")

    async def vacuum(self, table: str) -> None:
        """Planner statistics and visibility map, as after autovacuum."""
        await self.at.db.rows(text(f"VACUUM ANALYZE {table}"))


def code_of(prefix: str, number: int) -> str:
    """The code of a number."""
    return f"{prefix}{number:09}"


async def open_shop(at: Stage) -> Shop:
    """Create tills and campaigns on a stage without any."""
    async with at.db.begin() as session:
        brand = (await session.scalars(select(Brand.id))).one()
        programme = Programme(brand_id=brand, key="club", name="Club", currency="RUB")
        session.add(programme)
        await session.flush()
    bearers = [tokens.token("tl") for _ in range(TILLS)]
    digests = [tokens.digest(bearer) for bearer in bearers]
    tills = await at.db.rows(PLACES, brand=brand, count=TILLS, digests=digests)
    campaigns = []
    for key, rule, count in (("single", SINGLE, 1), ("many", RULE, CAMPAIGNS - 1)):
        ids = await at.db.rows(
            CAMPAIGN, brand=brand, programme=programme.id, key=key, count=count, rule=msgspec.json.encode(rule).decode()
        )
        campaigns.append([row.campaign_id for row in ids])
    return Shop(at, brand, [row.id for row in tills], [row.shop_id for row in tills], bearers, *campaigns)
