"""Gauges that are measured on each scrape: ledger, worker, queues, pools."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from backend.core.db.database import Database
from backend.core.storage.store import Files

SECONDS = 5.0
SINGLE = text("""
    SELECT (SELECT extract(epoch FROM now() - max(last_heartbeat))::float8 FROM procrastinate_workers) AS heartbeat,
        (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM movements_id_seq)
            - coalesce((SELECT max(upto) FROM seals), 0) AS unsealed,
        (SELECT count(*) FROM (SELECT FROM wallets WHERE due_on < current_date - 1 LIMIT 10000) AS late) AS late,
        (SELECT count(*) FROM (SELECT FROM webhook_deliveries WHERE state IN ('waiting', 'sending') LIMIT 10000) AS w)
            AS webhooks,
        (SELECT count(*) FROM stock_levels l JOIN offers f ON f.id = l.offer_id AND f.archived_at IS NULL
            JOIN programmes g ON g.id = f.programme_id
            WHERE l.least > (SELECT count(*) FROM (
                SELECT FROM stock_codes s WHERE s.offer_id = l.offer_id AND s.nominal = l.nominal
                    AND s.order_id IS NULL
                    AND (s.valid_until IS NULL OR s.valid_until > (now() AT TIME ZONE g.timezone)::date)
                LIMIT l.least) AS c)) AS stocks_low,
        b.ok, b.age, b.movements, b.seconds
    FROM (SELECT) AS one LEFT JOIN LATERAL (
        SELECT cardinality(faults) = 0 AS ok, extract(epoch FROM now() - at)::float8 AS age, movements, seconds
        FROM books_checks ORDER BY id DESC LIMIT 1) AS b ON true
""")
QUEUES = text("SELECT queue_name, status::text AS status, count(*) AS jobs FROM procrastinate_jobs GROUP BY 1, 2")
WRONG = text("SELECT substr(key, 12) AS slot, count FROM counters WHERE key LIKE 'wrong:slot:%' AND ends_at > now()")
NAMES = {
    "heartbeat": ("scanback_worker_heartbeat_age_seconds", "Since a worker last gave a sign of life."),
    "unsealed": ("scanback_movements_unsealed", "Movements since the last seal."),
    "late": ("scanback_wallets_late", "Wallets that were not brought to today; 10000 means 10000 or more."),
    "webhooks": ("scanback_webhooks_waiting", "Deliveries that are not done; 10000 means 10000 or more."),
    "stocks_low": ("scanback_stocks_low", "Nominals with fewer free codes than the alarm number."),
    "ok": ("scanback_books_ok", "1: the last proof of the books found no fault."),
    "age": ("scanback_books_age_seconds", "Since the books were last proved."),
    "movements": ("scanback_books_movements", "Movements in the last proof of the books."),
    "seconds": ("scanback_books_seconds", "How long the last proof of the books took."),
}


class Gauges(Collector):
    """Gauges of one scrape."""

    def __init__(self, families: Sequence[GaugeMetricFamily]) -> None:
        self.families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return iter(self.families)


class QueueRow(NamedTuple):
    """Jobs of a queue in a state."""

    queue_name: str
    status: str
    jobs: int


class WrongCodesRow(NamedTuple):
    """Made-up codes of a slot."""

    slot: str
    wrong_codes: int


async def measure(db: Database, engines: Sequence[str], files: Files | None = None) -> Gauges:
    """Measure all gauges. Without the database: `scanback_database_up` 0, and the gauges of this process."""
    up = GaugeMetricFamily("scanback_database_up", "1: the database answers.", value=1)
    families = [
        up,
        _pool_gauges(db),
        _labelled_gauge("scanback_decoding_engine", "Engines that read.", "engine", engines),
    ]
    families += _storage_gauges(files) if files else []
    try:
        async with asyncio.timeout(SECONDS):
            families += _single_gauges(await db.call(SINGLE))
            families += [
                _queue_gauges([QueueRow(*row) for row in await db.rows(QUEUES)]),
                _wrong_code_gauges([WrongCodesRow(*row) for row in await db.rows(WRONG)]),
            ]
    except (psycopg.Error, TimeoutError):
        up.samples.clear()
        up.add_metric([], 0)
    return Gauges(families)


def _single_gauges(row: object) -> list[GaugeMetricFamily]:
    """Unknown values, such as those of a proof that was never made, are omitted."""
    values = {name: getattr(row, name) for name in NAMES}
    return [GaugeMetricFamily(*NAMES[name], value=float(value)) for name, value in values.items() if value is not None]


def _labelled_gauge(name: str, words: str, label: str, values: Sequence[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for value in values:
        family.add_metric([value], 1)
    return family


def _queue_gauges(rows: Sequence[QueueRow]) -> GaugeMetricFamily:
    family = GaugeMetricFamily("scanback_jobs", "Jobs by queue and state.", labels=["queue", "state"])
    for row in rows:
        family.add_metric([row.queue_name, row.status], row.jobs)
    return family


def _storage_gauges(files: Files) -> Iterator[GaugeMetricFamily]:
    yield GaugeMetricFamily(
        "scanback_storage_up", "1: the last call to the file storage was answered.", value=float(files.is_well)
    )
    yield GaugeMetricFamily(
        "scanback_storage_calls", "Calls to the file storage under way or waiting.", value=files.threads.under_way
    )


def _wrong_code_gauges(rows: Sequence[WrongCodesRow]) -> GaugeMetricFamily:
    """Guessed codes by slot: each slot has a key of its own, which may be under attack."""
    family = GaugeMetricFamily("scanback_wrong_codes", "Made-up codes of this hour.", labels=["slot"])
    for row in rows:
        family.add_metric([row.slot], row.wrong_codes)
    return family


def _pool_gauges(db: Database) -> GaugeMetricFamily:
    """Connections of the two pools, requests that wait for one, and operations that wait for a batch."""
    family = GaugeMetricFamily("scanback_pool_connections", "Connections.", labels=["pool", "state"])
    sessions, single = db.engine.pool, db.pool.get_stats()
    if isinstance(sessions, QueuePool):
        family.add_metric(["sessions", "in_use"], sessions.checkedout())
        family.add_metric(["sessions", "most"], sessions.size())
    family.add_metric(["single", "in_use"], single.get("pool_size", 0) - single.get("pool_available", 0))
    family.add_metric(["single", "most"], single.get("pool_max", 0))
    family.add_metric(["single", "waiting"], single.get("requests_waiting", 0))
    family.add_metric(["single", "gathering"], sum(batcher.pending for batcher in db.batchers))
    return family
