"""The embedded PostgreSQL of `make run` and of tests."""
