"""`python -m backend.cli` is `scanback`."""

from backend.cli.main import main

main()
