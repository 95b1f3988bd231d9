"""Space of the object store, which only its root user may ask for."""

import json

from ops.capacity.measurement import Disk

TIMEOUT_SECONDS = 5


def disk(address: str, user: str, password: str) -> Disk:
    """What is used and free on the store's drives together."""
    import urllib3
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider

    admin = MinioAdmin(
        endpoint=address,
        credentials=StaticProvider(user, password),
        secure=False,
        http_client=urllib3.PoolManager(timeout=urllib3.Timeout(TIMEOUT_SECONDS), retries=urllib3.Retry(0)),
    )
    drives = [drive for server in json.loads(admin.info())["servers"] for drive in server.get("drives") or []]
    total = sum(int(drive["totalspace"]) for drive in drives)
    free = sum(int(drive["availspace"]) for drive in drives)
    return Disk("minio", total, free)
