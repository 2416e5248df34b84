"""S3 object storage: a bucket of its own for every test. A container is MinIO; an address may be anything."""

import uuid
from urllib.parse import unquote, urlsplit

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject

from tests.servers.engine import Contained, Recipe
from tests.servers.server import Server, host_and_port

KEY, SECRET = "reel", "reel-secret"


class S3Server(Server):
    """`url` is `http://<access key>:<secret key>@<endpoint>`; its parts are attributes too."""

    address_setting = "REEL_TEST_S3_URL"
    recipe = Recipe(
        name="s3",
        setting="REEL_TEST_IMAGE_MINIO",
        # MinIO's own project ended in April 2026; this fork keeps its server in repair.
        official="pgsty/minio:RELEASE.2026-08-04T00-00-00Z",
        local="localhost/reel-test-minio:1",
        ports=(9000,),
        environment={"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off"},
        command=("server", "/data", "--address", ":9000"),
    )

    def __init__(self, url: str, contained: Contained | None = None) -> None:
        super().__init__(url, contained)
        parts = urlsplit(url)
        self.endpoint = host_and_port(parts)
        self.secure = parts.scheme == "https"
        self.access_key = unquote(parts.username or "")
        self.secret_key = unquote(parts.password or "")
        self.region = "us-east-1"
        self._buckets: set[str] = set()

    @classmethod
    def address(cls, ports: dict[int, int]) -> str:
        return f"http://{KEY}:{SECRET}@127.0.0.1:{ports[9000]}"

    def version(self) -> str:
        patient = urllib3.PoolManager(timeout=2, retries=False)
        try:
            self._connected(patient).list_buckets()
        finally:
            patient.clear()
        return "MinIO" if self.contained else "S3"

    def client(self) -> Minio:
        """A client with all rights; close nothing, its connections go with the session."""
        return self._connected(None)

    def fresh_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.client().make_bucket(name)
        self._buckets.add(name)
        return name

    def close(self) -> None:
        if not self.contained:
            for name in sorted(self._buckets):
                self._drop(name)

    def _drop(self, bucket: str) -> None:
        client = self.client()
        names = (DeleteObject(found.object_name) for found in client.list_objects(bucket, recursive=True))
        for error in client.remove_objects(bucket, names):
            raise AssertionError(f"{bucket}: {error}")
        client.remove_bucket(bucket)

    def _connected(self, pool: urllib3.PoolManager | None) -> Minio:
        return Minio(
            self.endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=self.secure,
            region=self.region,  # known, so that nothing asks for it
            http_client=pool,
        )
