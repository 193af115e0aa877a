"""Gift cards that tills of shops take in parts."""
