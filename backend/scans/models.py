"""Scans: what a phone sent under an id of its own, and what we answered first."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, SmallInteger, String, func
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base


class Scan(Base):
    """The first answer to a scan; `n` counts the codes of one picture. No text and no picture is kept."""

    __tablename__ = "scans"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    digest: Mapped[bytes]
    kind: Mapped[str] = mapped_column(String(11))
    status: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str | None] = mapped_column(String(24))
    cause: Mapped[int | None] = mapped_column(SmallInteger)
    cause_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
