"""Requests and responses about the invitation of a second device."""

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import Meta

from backend.core.http.models import RequestModel, ResponseModel
from backend.identity.accounts.models import DeviceInvitation
from backend.identity.accounts.schemas import DeviceName, Token

InvitationId = Annotated[int, Meta(examples=[12])]
Until = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:05:00Z"])]
CheckNumber = Annotated[
    str, Meta(pattern=r"^[0-9]{4}(?!\n)$", description="Shown by the new device.", examples=["0471"])
]
Status = Literal["open", "presented", "confirmed", "ended"]


class InvitationCreated(ResponseModel):
    """An invitation: draw `secret` as a QR code for the new device. It counts once."""

    id: InvitationId
    secret: Annotated[str, Meta(description="Shown here only.", examples=["dv_...43 characters...Ab3d"])]
    expires_at: Until


class InvitationOut(ResponseModel):
    """The state of an invitation: `presented` by a device, whose check number confirms it."""

    id: InvitationId
    status: Annotated[Status, Meta(examples=["presented"])]
    expires_at: Until
    device_name: DeviceName = ""

    @classmethod
    def of(cls, row: DeviceInvitation, now: datetime) -> Self:
        return cls(row.id, invitation_status(row, now), row.expires_at, row.device_name)


class DeviceConfirmationIn(RequestModel):
    """The number that the new device shows."""

    check_number: CheckNumber


class PendingDeviceIn(RequestModel):
    """A new device with the secret of an invitation."""

    secret: Annotated[str, Meta(max_length=64, examples=["dv_...43 characters...Ab3d"])]
    device_name: DeviceName = ""


class PendingDeviceCreated(ResponseModel):
    """The new device's token, which opens once the first device has confirmed the number."""

    token: Token
    check_number: CheckNumber
    expires_at: Until


class PendingDeviceOut(ResponseModel):
    """Whether the first device has confirmed."""

    status: Annotated[Status, Meta(examples=["confirmed"])]
    expires_at: Until


def invitation_status(row: DeviceInvitation, now: datetime) -> Status:
    """The state of an invitation."""
    if row.new_device_id is not None:
        return "confirmed"
    if row.ended_at is not None or row.expires_at <= now:
        return "ended"
    return "open" if row.token_digest is None else "presented"
