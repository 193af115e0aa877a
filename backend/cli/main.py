"""`scanback`: the commands by name; each is loaded only when it is called."""

import importlib
import sys
from typing import NamedTuple

import click

from backend.cli.data_folder import FolderUnusable
from backend.cli.postgres_programs import DatabaseFailed
from backend.settings import SettingMissing


class Later(NamedTuple):
    """A command that is not loaded yet: its module, its name there, and its line in the help."""

    module: str
    name: str
    help: str


COMMANDS = {
    "run": Later("backend.cli.run", "run", "Start everything on this machine and keep it running."),
    "serve": Later("backend.cli.serve", "serve", "Serve the API and the pages."),
    "worker": Later("backend.cli.work", "worker", "Do the background work."),
    "keys": Later("backend.cli.keys", "keys", "Make the two keys that never enter the database."),
    "migrate": Later("backend.cli.schema", "migrate", "Bring the database to today's schema."),
    "openapi": Later("backend.cli.openapi", "openapi", "Write openapi/openapi.json, or hold it against the code."),
    "brand": Later("backend.cli.brand", "brand", "Make and list brands."),
    "staff": Later("backend.cli.staff", "staff", "Let people sign in for a brand."),
    "batch": Later("backend.cli.batch", "batch", "Make batches of package codes; export, activate and revoke them."),
    "promo": Later("backend.cli.promo", "promo", "Issue promo codes in bulk, and take them as a file."),
    "slot": Later("backend.cli.slot", "slot", "List key slots; open the next generation of a key."),
    "books": Later("backend.cli.books", "books", "Prove the books, and seal them."),
    "statement": Later("backend.cli.statement", "statement", "Check a wallet's statement, without a database."),
    "simulators": Later("backend.cli.simulate", "simulators", "Play the providers of receipts, to test against."),
    "demo": Later("backend.cli.demo", "demo", "Play the product's story on a throwaway server."),
    "prepare": Later("backend.cli.prepare", "prepare", "Migrate the database; make the demo brand if it is empty."),
}


class Commands(click.Group):
    """A group that knows its commands by heart and loads them late: start-up is what people wait for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        later = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(later.module), later.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def scanback() -> None:
    """Loyalty for the people who decide what is bought: scan a code, see the money."""


def main() -> None:
    """Run a command; what a person can mend is said in a line, without a traceback."""
    try:
        scanback(prog_name="scanback")
    except (DatabaseFailed, FolderUnusable, SettingMissing) as refusal:
        click.echo(f"scanback: {refusal}", err=True)
        sys.exit(1)
