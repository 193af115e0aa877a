"""Which storage this installation has."""

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from backend.files.bucket import Bucket
from backend.files.folder import Folder
from backend.settings import Settings

Files = Folder | Bucket
TheFiles = NamedDependency[SkipValidation[Files]]  # the framework cannot check a union


def store(settings: Settings) -> Files:
    """The installation's object storage: SCANBACK_BUCKET, or a folder beside the other data."""
    return Bucket(settings.bucket_url) if settings.bucket_url else Folder(settings.data / "files")
