"""Ask about the pipeline. Nothing here changes anything."""

from server.pipeline.queries.deals import (
    board,
    detail,
    holders,
    list_page,
    of_customer,
    one,
)
from server.pipeline.queries.migration import migration_preview, process_versions
from server.pipeline.queries.processes import (
    BUILT_IN_VIEW,
    current_processes,
    draft,
    drafts,
    process,
    versions,
)
from server.pipeline.queries.totals import forecast, pipeline

__all__ = [
    "BUILT_IN_VIEW",
    "board",
    "current_processes",
    "detail",
    "draft",
    "drafts",
    "forecast",
    "holders",
    "list_page",
    "migration_preview",
    "of_customer",
    "one",
    "pipeline",
    "process",
    "process_versions",
    "versions",
]
