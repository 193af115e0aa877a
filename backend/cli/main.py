"""`scanback`: the commands by name; each is loaded only when it is called."""

import importlib
import sys
from typing import NamedTuple

import click

from backend.core.settings import SettingMissing
from local_postgres.data_folder import FolderUnusable
from local_postgres.programs import DatabaseFailed


class LazyCommand(NamedTuple):
    """A command that is not loaded yet: its module, its name there, and its line in the help."""

    module: str
    name: str
    help: str


COMMANDS = {
    "run": LazyCommand("backend.cli.server.run", "run", "Start everything on this machine and keep it running."),
    "serve": LazyCommand("backend.cli.server.serve", "serve", "Serve the API and the pages."),
    "worker": LazyCommand("backend.cli.server.work", "worker", "Do the background work."),
    "keys": LazyCommand("backend.cli.admin.keys", "keys", "Create and rotate the keys that never enter the database."),
    "migrate": LazyCommand("backend.cli.server.migrate", "migrate", "Upgrade the database to the newest schema."),
    "openapi": LazyCommand(
        "backend.cli.openapi", "openapi", "Write openapi/openapi.json, or compare it with the code."
    ),
    "brand": LazyCommand("backend.cli.admin.brand", "brand", "Create and list brands."),
    "staff": LazyCommand(
        "backend.cli.admin.staff", "staff", "Create members of a brand's staff and set their passwords."
    ),
    "batch": LazyCommand(
        "backend.cli.admin.batch", "batch", "Create batches of package codes; export, activate and revoke them."
    ),
    "promo": LazyCommand("backend.cli.admin.promo", "promo", "Issue promo codes in bulk, and export them to a file."),
    "slot": LazyCommand("backend.cli.admin.slot", "slot", "List key slots; open the next generation of a key."),
    "books": LazyCommand("backend.cli.admin.ledger", "books", "Prove the books, and seal them."),
    "statement": LazyCommand(
        "backend.cli.admin.statement", "statement", "Check a wallet's statement, without a database."
    ),
    "simulators": LazyCommand(
        "backend.cli.server.simulate", "simulators", "Simulate the providers of receipts, for tests."
    ),
    "demo": LazyCommand("demo.play", "demo", "Play the product's story on a throwaway server."),
    "prepare": LazyCommand(
        "backend.cli.server.prepare", "prepare", "Migrate the database; create the demo brand if it is empty."
    ),
}


class Commands(click.Group):
    """A group that lists its commands without loading them, because imports make up most of the start-up time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        lazy = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(lazy.module), lazy.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def scanback() -> None:
    """Loyalty for the people who decide what is bought: scan a code, see the money."""


def main() -> None:
    """Run a command; errors that the operator can correct are printed in one line, without a traceback."""
    try:
        scanback(prog_name="scanback")
    except (DatabaseFailed, FolderUnusable, SettingMissing) as refusal:
        click.echo(f"scanback: {refusal}", err=True)
        sys.exit(1)
