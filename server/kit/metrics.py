"""Prometheus metrics of this process, or of all workers when PROMETHEUS_MULTIPROC_DIR is set.

Labels are routes, methods, statuses and topics; never a tenant, a person or a value.
"""

import os
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

REQUESTS: Final = Counter(
    "tonglu_requests_total", "Requests answered.", ("method", "route", "status")
)
LATENCY: Final = Histogram(
    "tonglu_request_seconds",
    "Time from the first byte to the last of the answer.",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
IN_FLIGHT: Final = Gauge(
    "tonglu_requests_in_flight", "Requests being answered now.", multiprocess_mode="livesum"
)
POOL_IN_USE: Final = Gauge(
    "tonglu_pool_connections_in_use",
    "Database connections that a transaction holds.",
    multiprocess_mode="livesum",
)
POOL_SIZE: Final = Gauge(
    "tonglu_pool_connections_open", "Database connections open.", multiprocess_mode="livesum"
)
LISTENERS: Final = Gauge("tonglu_live_subscribers", "Open live feeds.", multiprocess_mode="livesum")
OUTBOX_WAITING: Final = Gauge(
    "tonglu_outbox_waiting", "Jobs that wait for a worker.", multiprocess_mode="mostrecent"
)
OUTBOX_PARKED: Final = Gauge(
    "tonglu_outbox_parked",
    "Jobs that failed too often and wait for a person.",
    multiprocess_mode="mostrecent",
)
JOBS: Final = Counter("tonglu_jobs_total", "Jobs done by the workers.", ("topic", "outcome"))


def render() -> bytes:
    """Write the metrics in Prometheus' text format."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return generate_latest(REGISTRY)
    _forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library ships it untyped
    return generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """Take processes that have ended out of the live gauges; their counters stay counted."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library ships it untyped
        except PermissionError:
            continue


def take_over(pid: int) -> None:
    """Count here what a worker counted that has ended, and remove what it counted in."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    file = Path(folder or "") / f"counter_{pid}.db"
    if not folder or not file.exists():
        return
    for key, value, *_ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]  # the library ships it untyped
        _metric, name, labels, _help = msgspec.json.decode(key)
        if name == f"{JOBS._name}_total":  # noqa: SLF001 - it is told nowhere else
            JOBS.labels(**labels).inc(value)
    for left in Path(folder).glob(f"*_{pid}.db"):
        left.unlink()


def show_on(port: int) -> None:
    """Show the metrics of a process that serves nothing else, to its own machine."""
    start_http_server(port, addr="127.0.0.1")
