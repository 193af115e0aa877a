"""The database: sessions, batching, jobs, rate limits, events."""
