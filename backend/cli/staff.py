"""`scanback staff`: who may sign in for a brand."""

import sys
from typing import get_args

import click
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import service, sessions
from backend.brands.models import Role, Staff
from backend.brands.schemas import Email, Password, RoleName, StaffOut
from backend.brands.service import EmailTaken, Secret
from backend.cli import deed, named
from backend.errors import NotFound
from backend.passwords import Passwords
from backend.settings import Settings
from backend.wire import In

from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from the standard input.")
in_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


class EmailUnknown(NotFound):
    """Nobody signs in with this e-mail."""


class Newcomer(In):
    """Who is to sign in."""

    email: Email
    role: RoleName = "owner"
    password: Password | None = None


@click.group()
def staff() -> None:
    """Let people sign in for a brand."""


@staff.command()
@click.argument("email")
@click.option("--brand", "of_brand", required=True, help="The brand's number or name.")
@click.option("--role", type=click.Choice(get_args(Role)), default="owner", show_default=True)
@from_stdin
@in_json
def create(email: str, of_brand: str, role: str, *, password_stdin: bool, as_json: bool) -> None:
    """Let somebody sign in; without --password-stdin a password is drawn and printed once."""
    asked = deed.checked(Newcomer, email=email, role=role, password=_typed(password_stdin))

    async def make(settings: Settings, session: AsyncSession) -> StaffOut:
        brand = await named.brand(session, of_brand)
        secret = await _secret(settings, asked.password)
        made = await service.add_staff(session, brand.id, asked.email, asked.role, secret.hashed)
        if made is None:
            raise EmailTaken
        return StaffOut.of(made, secret.drawn)

    _tell(deed.run(make), as_json=as_json)


@staff.command()
@click.argument("email")
@from_stdin
@in_json
def password(email: str, *, password_stdin: bool, as_json: bool) -> None:
    """Give somebody another password, for whoever has lost his; all his sessions end."""
    asked = deed.checked(Newcomer, email=email, password=_typed(password_stdin))

    async def change(settings: Settings, session: AsyncSession) -> StaffOut:
        secret = await _secret(settings, asked.password)
        row = select(Staff).where(Staff.email == asked.email.lower(), Staff.disabled_at.is_(None))
        found = await session.scalar(row.with_for_update())
        if found is None:
            raise EmailUnknown
        found.password_hash = secret.hashed
        await sessions.end(session, found.id)
        return StaffOut.of(found, secret.drawn)

    _tell(deed.run(change), as_json=as_json)


def _typed(password_stdin: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if password_stdin else None


async def _secret(settings: Settings, given: str | None) -> Secret:
    settings.need_keys()
    passwords = Passwords(settings.pepper)
    try:
        return await service.secret(passwords, given)
    finally:
        passwords.close()


def _tell(row: StaffOut, *, as_json: bool) -> None:
    shown = f"\nPassword, shown once: {row.password}" if row.password else ""
    deed.tell(row, f"{row.email} signs in as {row.role}.{shown}", as_json=as_json)
