"""Which storage this installation has."""

from litestar.di import NamedDependency

from backend.files.bucket import Bucket
from backend.files.folder import Folder
from backend.settings import Settings

Files = Folder | Bucket
TheFiles = NamedDependency[Files]


def store(settings: Settings) -> Files:
    """The installation's object storage: SCANBACK_BUCKET, or a folder beside the other data."""
    return Bucket(settings.bucket_url) if settings.bucket_url else Folder(settings.data / "files")
