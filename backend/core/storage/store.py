"""Which storage this installation has."""

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from backend.core.settings import Settings
from backend.core.storage.bucket import Bucket
from backend.core.storage.folder import Folder

Files = Folder | Bucket
InjectedFiles = NamedDependency[SkipValidation[Files]]  # the framework cannot check a union


def create_store(settings: Settings, *, is_patient: bool = False) -> Files:
    """The installation's object storage: SCANBACK_BUCKET, or a folder beside the other data. Background work is patient
    with it, requests are not."""
    return (
        Bucket(settings.bucket_url, is_patient=is_patient) if settings.bucket_url else Folder(settings.data / "files")
    )
