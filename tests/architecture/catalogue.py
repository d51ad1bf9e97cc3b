"""What the database's own catalogue must say, as functions that list what is wrong."""

from typing import Any, Final

import asyncpg
from piccolo.columns import Array
from piccolo.columns.base import Column
from piccolo.table import Table

from server.kit.global_tables import GLOBAL_TABLES

POLICY: Final = (
    "(tenant_id = ( SELECT (current_setting('app.tenant_id'::text))::uuid AS current_setting))"
)
"""The one policy, as PostgreSQL spells it."""
BOOKKEEPING: Final = frozenset({"migration"})
"""Piccolo's list of migrations: the owner's alone."""
PLATFORM_WRITES: Final = frozenset({"platform_read", "audit_entry"})
"""The platform adds a line to an agent's feed when it has looked, and to its own trail when it has
done something; it reads and changes none."""
APPLICATION_ROLES: Final = ("tonglu_app", "tonglu_platform", "tonglu_job")

_TABLES = """
SELECT c.oid, c.relname AS name, c.relrowsecurity AS has_rls, c.relforcerowsecurity AS is_forced,
       pg_get_userbyid(c.relowner) AS owner,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
               AND NOT a.attisdropped) AS has_tenant
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY 2
"""
_POLICIES = """
SELECT p.polname AS name, p.polpermissive AS is_permissive, p.polcmd::text AS command,
       pg_get_expr(p.polqual, p.polrelid) AS uses, pg_get_expr(p.polwithcheck, p.polrelid) AS checks
FROM pg_policy p WHERE p.polrelid = $1
"""
_UNIQUE_KEYS = """
SELECT i.indexrelid::regclass::text AS name, a.attname AS first
FROM pg_index i LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = $1 AND i.indisunique
"""
_FOREIGN_KEYS = """
SELECT c.conname AS name, a.attname AS first, f.attname AS target, r.relname AS referenced
FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
JOIN pg_class r ON r.oid = c.confrelid
WHERE c.conrelid = $1 AND c.contype = 'f'
"""
_FORBIDDEN_OBJECTS = """
SELECT 'view ' || relname AS what FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'f')
UNION ALL
SELECT 'sequence ' || relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND relname <> 'migration_id_seq'
UNION ALL
SELECT 'definer function ' || proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prosecdef
UNION ALL
SELECT 'enum ' || typname FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
UNION ALL
SELECT 'unlogged table ' || relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relpersistence <> 'p'
"""
_ROLES = """
SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb AS
is_mighty, EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid) AS owns_tables,
       EXISTS (SELECT FROM pg_database d WHERE d.datdba = r.oid) AS owns_databases,
       pg_has_role(r.oid, 'tonglu_owner', 'MEMBER') OR pg_has_role(r.oid, 'tonglu_backup', 'MEMBER')
           AS is_more
FROM pg_roles r WHERE r.rolname = ANY($1::text[])
"""
_GRANTS = """
SELECT coalesce(r.rolname, 'PUBLIC') AS role, array_agg(DISTINCT g.privilege_type) AS privileges
FROM pg_class c
CROSS JOIN LATERAL (
    SELECT * FROM aclexplode(c.relacl)
    -- A grant on some columns counts as one on the table.
    UNION ALL SELECT t.* FROM pg_attribute a, aclexplode(a.attacl) t WHERE a.attrelid = c.oid
) g
LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE c.oid = $1 AND g.grantee <> c.relowner
GROUP BY 1
"""
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS is_null
FROM pg_attribute a WHERE a.attrelid = to_regclass('public.' || quote_ident($1))
AND a.attnum > 0 AND NOT a.attisdropped
"""
_TYPES: Final = {
    "bigint": "bigint",
    "boolean": "boolean",
    "bytea": "bytea",
    "date": "date",
    "double precision": "double precision",
    "integer": "integer",
    "jsonb": "jsonb",
    "numeric": "numeric",
    "smallint": "smallint",
    "text": "text",
    "timestamptz": "timestamp with time zone",
    "timestamp with time zone": "timestamp with time zone",
    "uuid": "uuid",
}

Connection = Any


async def wrong_tenant_tables(catalogue: Connection) -> list[str]:
    """List what leaves a tenant's table open: policy, keys, references, grants."""
    wrong: list[str] = []
    for table in await catalogue.fetch(_TABLES):
        if table["name"] in BOOKKEEPING or table["name"] in GLOBAL_TABLES:
            continue
        if not table["has_tenant"]:
            wrong.append(f"{table['name']}: has no tenant_id and is not in global_tables")
            continue
        wrong += [f"{table['name']}: {what}" for what in await _wrong_protection(catalogue, table)]
        wrong += [f"{table['name']}: {what}" for what in await _wrong_keys(catalogue, table)]
    return wrong


async def _wrong_protection(catalogue: Connection, table: asyncpg.Record) -> list[str]:
    """List what is wrong with one table's row-level security and grants."""
    wrong = [] if table["has_rls"] and table["is_forced"] else ["lacks forced row-level security"]
    policies = await catalogue.fetch(_POLICIES, table["oid"])
    permissive = [policy for policy in policies if policy["is_permissive"]]
    if len(permissive) != 1:
        wrong.append(f"has {len(permissive)} permissive policies")
    wrong += [
        f"policy {policy['name']} is not the one policy"
        for policy in permissive
        if (policy["command"], policy["uses"], policy["checks"]) != ("*", POLICY, POLICY)
    ]
    granted = {
        row["role"]
        for row in await catalogue.fetch(_GRANTS, table["oid"])
        if table["name"] not in PLATFORM_WRITES or row["privileges"] != ["INSERT"]
    }
    return wrong + [
        f"is granted to {role}" for role in sorted(granted & {"PUBLIC", "tonglu_platform"})
    ]


async def _wrong_keys(catalogue: Connection, table: asyncpg.Record) -> list[str]:
    """List keys and references of one table that do not begin with tenant_id."""
    keys = await catalogue.fetch(_UNIQUE_KEYS, table["oid"])
    references = await catalogue.fetch(_FOREIGN_KEYS, table["oid"])
    wrong = [] if keys else ["has no key"]
    wrong += [
        f"key {key['name']} begins with {key['first']}"
        for key in keys
        if key["first"] != "tenant_id"
    ]
    return wrong + [
        f"reference {key['name']} does not begin with tenant_id"
        for key in references
        if (key["first"], key["target"]) != ("tenant_id", "tenant_id")
    ]


async def wrong_global_tables(catalogue: Connection) -> list[str]:
    """List global tables whose grants differ from the list, and lines without a table."""
    tables = {table["name"]: table for table in await catalogue.fetch(_TABLES)}
    wrong = [
        f"{name}: is listed but does not exist" for name in GLOBAL_TABLES if name not in tables
    ]
    for name, line in GLOBAL_TABLES.items():
        if name not in tables:
            continue
        granted = {
            row["role"]: frozenset(row["privileges"])
            for row in await catalogue.fetch(_GRANTS, tables[name]["oid"])
        }
        if granted != line.grants:
            wrong.append(f"{name}: is granted {granted}, the list says {line.grants}")
    for name in BOOKKEEPING & tables.keys():
        wrong += [
            f"{name}: is granted" for _ in await catalogue.fetch(_GRANTS, tables[name]["oid"])
        ]
    return wrong


async def forbidden_objects(catalogue: Connection) -> list[str]:
    """List views, definer functions, enums and sequences."""
    return [row["what"] for row in await catalogue.fetch(_FORBIDDEN_OBJECTS)]


async def wrong_roles(catalogue: Connection) -> list[str]:
    """List application roles that own something, are mighty, or can become somebody who is."""
    rows = await catalogue.fetch(_ROLES, list(APPLICATION_ROLES))
    wrong = [role for role in APPLICATION_ROLES if role not in {row["name"] for row in rows}]
    wrong += [
        f"{row['name']}: {what}"
        for row in rows
        for what in ("is_mighty", "owns_tables", "owns_databases", "is_more")
        if row[what]
    ]
    tables = await catalogue.fetch(_TABLES)
    return wrong + [
        f"{table['name']} belongs to {table['owner']}"
        for table in tables
        if table["owner"] != "tonglu_owner"
    ]


async def wrong_table_classes(catalogue: Connection, classes: list[type[Table]]) -> list[str]:
    """List differences between Piccolo's classes and the tables."""
    names = {table["name"] for table in await catalogue.fetch(_TABLES)} - BOOKKEEPING
    described = {one._meta.tablename for one in classes}
    wrong = [f"{name}: has no Table class" for name in sorted(names - described)]
    for one in classes:
        name = one._meta.tablename
        real = {
            row["name"]: f"{row['type']}{' NULL' if row['is_null'] else ''}"
            for row in await catalogue.fetch(_COLUMNS, name)
        }
        said = {column._meta.db_column_name: _spelled(column) for column in one._meta.columns}
        wrong += [
            f"{name}.{column}: is {real.get(column)}, the class says {said.get(column)}"
            for column in sorted(real.keys() | said.keys())
            if real.get(column) != said.get(column)
        ]
    return wrong


def _spelled(column: Column) -> str:
    """Write a Piccolo column as PostgreSQL would."""
    base = column.base_column if isinstance(column, Array) else column
    kind = base.column_type.lower()
    kind = _TYPES.get(kind, kind.replace("varchar", "character varying"))
    suffix = "[]" if isinstance(column, Array) else ""
    return f"{kind}{suffix}{' NULL' if column._meta.null else ''}"
