"""Explain a takeout to whoever opens it: each table in a sentence, as the code says it. Pure."""

import inspect

from piccolo.table import TABLE_REGISTRY

from server.takeout.rules import Manifest

_HEAD = """# {company}

All data of this company in Tonglu, as of {made_at}, made by version {product}.

- `manifest.json`: each file with its number of rows and its SHA-256.
- `tables/`: everything that the company wrote, one row a line as JSON, sorted by bytes. Times are
  UTC, amounts whole minor units, ids UUIDs. `tonglu rebuild FILE` makes the company of them anew in
  a fresh install of the same version, and proves counts and digests.
- `contents/`: photos and files, under the keys that `attachment_blob.object_key` names.
- `kept/`: what the platform keeps of the company in its own books, for reading.
- `logins.jsonl`: who signs in under which name. Passwords and keys are not in here.
- `opted_out.jsonl`: phones of yours that are not to be called, by whomever.

| table | rows | what it is | columns |
|---|---|---|---|
"""


def guide(manifest: Manifest) -> str:
    """Write the guide in Markdown."""
    told = {
        table._meta.tablename: (inspect.getdoc(table) or "").split("\n")[0]  # noqa: SLF001 - Piccolo has no other place for it
        for table in TABLE_REGISTRY
    }
    head = _HEAD.format(
        company=manifest.company, made_at=manifest.made_at.isoformat(), product=manifest.product
    )
    rows = {file.path: file.rows for file in manifest.tables}
    lines = [
        f"| `{name}` | {rows[f'tables/{name}.jsonl']} | {told.get(name, '')} | "
        f"{', '.join(columns)} |"
        for name, columns in sorted(manifest.columns.items())
    ]
    return head + "\n".join(lines) + "\n"
