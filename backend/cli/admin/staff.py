"""`scanback staff`: members of a brand's staff."""

import sys
from datetime import UTC, datetime
from typing import get_args

import click
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli.admin import operation, row_lookup
from backend.core.http.errors import NotFound
from backend.core.http.models import RequestModel
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.identity.brands import service, sessions
from backend.identity.brands.models import Role, Staff
from backend.identity.brands.schemas import Email, Password, RoleName, StaffOut
from backend.identity.brands.second_factors import service as second_factors
from backend.identity.brands.service import EmailConflict, NewPassword

from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from the standard input.")
in_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


class EmailUnknown(NotFound):
    """No member of staff has this e-mail."""

    code = "email_unknown"


class StaffRequest(RequestModel):
    """A member to create, or whose password to set."""

    email: Email
    role: RoleName = "owner"
    password: Password | None = None


@click.group()
def staff() -> None:
    """Create members of a brand's staff and set their passwords."""


@staff.command()
@click.argument("email")
@click.option("--brand", "of_brand", required=True, help="The brand's number or name.")
@click.option("--role", type=click.Choice(get_args(Role)), default="owner", show_default=True)
@from_stdin
@in_json
def create(email: str, of_brand: str, role: str, *, password_stdin: bool, as_json: bool) -> None:
    """Create a member of staff; without --password-stdin a password is generated and printed once."""
    request = operation.parse_request(StaffRequest, email=email, role=role, password=_read_password(password_stdin))

    async def make(settings: Settings, session: AsyncSession) -> StaffOut:
        brand = await row_lookup.find_brand(session, of_brand)
        secret = await _create_password(settings, request)
        made = await service.add_member(session, brand.id, request.email, request.role, secret)
        if made is None:
            raise EmailConflict
        return StaffOut.of(made, secret.generated)

    _print_member(operation.run_in_transaction(make), as_json=as_json)


@staff.command()
@click.argument("email")
@click.option("--reset-second-factors", is_flag=True, help="Also remove all second factors, if they are lost.")
@from_stdin
@in_json
def password(email: str, *, reset_second_factors: bool, password_stdin: bool, as_json: bool) -> None:
    """Set a new password for a member who has lost the old one; all sessions end."""
    request = operation.parse_request(StaffRequest, email=email, password=_read_password(password_stdin))

    async def change(settings: Settings, session: AsyncSession) -> StaffOut:
        secret = await _create_password(settings, request)
        row = select(Staff).where(Staff.email == request.email.lower(), Staff.disabled_at.is_(None))
        found = await session.scalar(row.with_for_update())
        if found is None:
            raise EmailUnknown
        found.password_hash, found.password_expires_at = secret.hashed, secret.expires_at
        await sessions.end_sessions(session, found.id)
        if reset_second_factors:
            await second_factors.reset_second_factors(session, found)
        return StaffOut.of(found, secret.generated)

    _print_member(operation.run_in_transaction(change), as_json=as_json)


def _read_password(password_stdin: bool) -> str | None:
    return sys.stdin.readline().rstrip("\r\n") if password_stdin else None


async def _create_password(settings: Settings, request: StaffRequest) -> NewPassword:
    """A typed password is the member's own; a generated one must be changed at the first sign-in."""
    settings.need_keys()
    end = None if request.password else service.first_password_end(settings, datetime.now(UTC))
    passwords = Passwords(settings.peppers)
    try:
        return await service.create_password(passwords, request.password, request.email, expires_at=end)
    finally:
        passwords.close()


def _print_member(row: StaffOut, *, as_json: bool) -> None:
    shown = f"\nPassword, shown once, to be changed at the first sign-in: {row.password}" if row.password else ""
    operation.print_result(row, f"{row.email} signs in as {row.role}.{shown}", as_json=as_json)
