"""Requests and responses about brands and their staff."""

from datetime import datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from backend.core.http.models import LINE, RequestModel, ResponseModel
from backend.core.security.credentials import PasskeyAssertion
from backend.identity.brands.models import Brand, Role, Staff

# Letters that every mail server and every database folds alike; no slash, because the e-mail is part of a path.
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


TotpCode = Annotated[
    str, Meta(pattern=r"^[0-9]{6}(?!\n)$", description="Of an authenticator application.", examples=["492039"])
]
StaffRecoveryCode = Annotated[
    str, Meta(max_length=40, description="Replaces a second factor once.", examples=["7KQ2M-9XJ4T-0C8"])
]


class StaffSessionIn(RequestModel):
    """Credentials of a member of staff: e-mail and password, with a second factor where there is one; or a passkey."""

    email: Annotated[str, Meta(max_length=254, examples=["anna@teplo.example"])] = ""
    password: Annotated[str, Meta(max_length=128, examples=["nine warm radiators"])] = ""
    code: TotpCode | None = None
    recovery_code: StaffRecoveryCode | None = None
    passkey: PasskeyAssertion | None = None
    device_token: Annotated[
        str,
        Meta(
            max_length=64,
            description="The token of an earlier session on this device: others' wrong passwords do not slow it down.",
            examples=[""],
        ),
    ] = ""


class StaffSessionOut(ResponseModel):
    """A session of a working day. We keep the token's hash only."""

    token: Annotated[str, Meta(description="Bearer token.", examples=["st_...43 characters...Ab3d"])]
    expires_at: Moment
    role: RoleName
    brand_id: Id
    password_expires_at: Annotated[
        Moment | None,
        Meta(
            description="Of a first password: until then it can be changed, and until it is changed nothing else.",
            examples=["2026-11-29T10:00:00Z"],
        ),
    ] = None


class PasswordIn(RequestModel):
    """The caller's old and new password."""

    old_password: Annotated[str, Meta(max_length=128, examples=["nine warm radiators"])]
    password: Password


class BrandIn(RequestModel):
    """A brand's name and security settings."""

    name: Annotated[str, Meta(min_length=1, max_length=120, pattern=LINE, examples=["Teplo"])]
    four_eyes: Annotated[bool | None, Meta(description="Large operations need an approval. Unchanged without.")] = None
    needs_second_factor: Annotated[
        bool | None, Meta(description="Whether owners and managers must have one; null: as it is.", examples=[True])
    ] = None


class BrandOut(ResponseModel):
    """The brand that the caller works for."""

    id: Id
    name: Annotated[str, Meta(examples=["Teplo"])]
    created_at: Moment
    four_eyes: Annotated[bool, Meta(description="Large operations need an approval.", examples=[True])] = False
    needs_second_factor: bool = False

    @classmethod
    def of(cls, brand: Brand) -> Self:
        return cls(brand.id, brand.name, brand.created_at, brand.four_eyes, brand.needs_second_factor)


class StaffIn(RequestModel):
    """The role and password of a member of staff. Without a password a new member gets one, which is shown once."""

    role: RoleName
    password: Password | None = None


class StaffOut(ResponseModel):
    """A member of staff."""

    id: Id
    email: Email
    role: RoleName
    created_at: Moment
    disabled_at: Annotated[datetime, Meta(tz=True, examples=["2026-12-01T10:00:00Z"])] | None = None
    password: Annotated[
        str | None, Meta(description="A new member's first password, shown once.", examples=["qX3v-8sLw2Zt_4Ra"])
    ] = None
    has_second_factor: bool = False

    @classmethod
    def of(cls, staff: Staff, password: str | None = None) -> Self:
        return cls(
            staff.id,
            staff.email,
            staff.role,
            staff.created_at,
            staff.disabled_at,
            password,
            has_second_factor=staff.second_factor_at is not None,
        )


class StaffPage(ResponseModel):
    """Staff in the order of joining; `next` is the cursor of the following page."""

    items: list[StaffOut]
    next: Annotated[str | None, Meta(examples=["WzNd"])] = None


class CurrentStaffOut(ResponseModel):
    """Who is calling."""

    id: Id
    email: Email
    role: RoleName
    brand: BrandOut
    has_totp: bool = False
    passkeys: Annotated[int, Meta(description="How many.", examples=[1])] = 0
    recovery_codes: Annotated[int, Meta(description="How many are left.", examples=[9])] = 0


class TotpCreated(ResponseModel):
    """A secret for an authenticator application (RFC 6238): draw `uri` as a QR code."""

    secret: Annotated[str, Meta(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])]
    uri: Annotated[str, Meta(examples=["otpauth://totp/Scanback:anna%40teplo.example?secret=JBSW...&issuer=Scanback"])]


class TotpIn(RequestModel):
    """The first code of a new secret."""

    code: TotpCode


class StaffRecoveryCodesOut(ResponseModel):
    """Recovery codes, shown once; each replaces a second factor once."""

    recovery_codes: Annotated[list[StaffRecoveryCode], Meta(description="Empty: the earlier ones are valid.")]


class StaffPasskeyOut(ResponseModel):
    """A passkey that signs in."""

    id: Id
    created_at: Moment


class StaffPasskeyCreated(StaffPasskeyOut):
    """A new passkey; with the first second factor come recovery codes."""

    recovery_codes: Annotated[list[StaffRecoveryCode], Meta(description="With the first factor.")] = msgspec.field(
        default_factory=list
    )


class StaffPasskeyList(ResponseModel):
    """All passkeys of the caller."""

    items: list[StaffPasskeyOut]


class AuthenticationIn(RequestModel):
    """Credentials to authenticate again: the second factor where there is one, else the password."""

    password: Annotated[str, Meta(max_length=128, examples=["nine warm radiators"])] | None = None
    code: TotpCode | None = None
    recovery_code: StaffRecoveryCode | None = None
    passkey: PasskeyAssertion | None = None


class AuthenticationOut(ResponseModel):
    """Until when the authentication is recent."""

    until: Moment
