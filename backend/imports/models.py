"""Files that were checked or applied."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from payouts.models import Base

ImportKind = Literal["products", "stock", "codes", "sellers"]
ImportState = Literal["checked", "applied"]


class ImportFile(Base):
    """A file, its report and, until it is applied, its encrypted content.

    `target`: the offer of a stock, the batch of a list of codes. `digest`: SHA-256 of the content, which identifies a
    repeated request.
    """

    __tablename__ = "import_files"
    __table_args__ = (
        UniqueConstraint("brand_id", "key"),
        CheckConstraint("kind IN ('products', 'stock', 'codes', 'sellers')", name="kind"),
        CheckConstraint("state IN ('checked', 'applied')", name="state"),
        Index("ix_import_files_brand_id_id", "brand_id", "id"),
        Index("ix_import_files_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    brand_id: Mapped[int] = mapped_column(ForeignKey("brands.id"))
    key: Mapped[UUID]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    kind: Mapped[ImportKind] = mapped_column(String(10))
    target: Mapped[str] = mapped_column(String(64), server_default="")
    state: Mapped[ImportState] = mapped_column(String(8))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
