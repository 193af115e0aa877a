"""What brands and their staff say over the wire."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import Meta

from backend.brands.models import Brand, Role, Staff
from backend.wire import LINE, In, Out

# Letters that every mail server and every database folds alike; no slash, for it stands in a path.
EMAIL = r"^[!-.0-?A-~]+@[0-9A-Za-z.-]+(?!\n)$"
Email = Annotated[str, Meta(pattern=EMAIL, max_length=254, examples=["anna@teplo.example"])]
Password = Annotated[
    str,
    Meta(
        description="Any twelve characters or more; a sentence is good.",
        min_length=12,
        max_length=128,
        examples=["nine warm radiators"],
    ),
]
RoleName = Annotated[Role, Meta(examples=["manager"])]
Id = Annotated[int, Meta(examples=[3])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class SignInIn(In):
    """A member of staff comes to work."""

    email: Annotated[str, Meta(max_length=254, examples=["anna@teplo.example"])]
    password: Annotated[str, Meta(max_length=128, examples=["nine warm radiators"])]


class SignInOut(Out):
    """A session of a working day. We keep the token's hash only."""

    token: Annotated[str, Meta(description="Bearer token.", examples=["st_...43 characters...Ab3d"])]
    expires_at: Moment
    role: RoleName
    brand_id: Id


class PasswordIn(In):
    """One's own password, changed."""

    old_password: Annotated[str, Meta(max_length=128, examples=["nine warm radiators"])]
    password: Password


class BrandIn(In):
    """What a brand is called."""

    name: Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Teplo"])]


class BrandOut(Out):
    """The brand that the caller works for."""

    id: Id
    name: Annotated[str, Meta(examples=["Teplo"])]
    created_at: Moment

    @classmethod
    def of(cls, brand: Brand) -> Self:
        return cls(brand.id, brand.name, brand.created_at)


class StaffIn(In):
    """A member of staff as he should be; without a password a new member gets one that is shown once."""

    role: RoleName
    password: Password | None = None


class StaffOut(Out):
    """A member of staff."""

    id: Id
    email: Email
    role: RoleName
    created_at: Moment
    disabled_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])] | None = None
    password: Annotated[
        str | None, Meta(description="A new member's first password, shown once.", examples=["qX3v-8sLw2Zt_4Ra"])
    ] = None

    @classmethod
    def of(cls, staff: Staff, password: str | None = None) -> Self:
        return cls(staff.id, staff.email, staff.role, staff.created_at, staff.disabled_at, password)


class StaffPage(Out):
    """Staff in the order of joining; `next` is the cursor of the following page."""

    items: list[StaffOut]
    next: Annotated[str | None, Meta(examples=["WzNd"])] = None


class Me(Out):
    """Who is calling."""

    id: Id
    email: Email
    role: RoleName
    brand: BrandOut
