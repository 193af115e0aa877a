"""HTTP clients of suppliers that sell partner certificates: one module a supplier, one common interface."""
