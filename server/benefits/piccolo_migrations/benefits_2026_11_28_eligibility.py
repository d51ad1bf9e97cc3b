"""Versions of who may have a program's benefits, and what they saw of each request."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:001000"
VERSION = "1.38.0"
DESCRIPTION = "Versioned rules of benefit programs, with samples to try others on."


async def forwards() -> MigrationManager:
    """Make the versions and the samples; requests keep what decided them."""
    return sql_migration(ID, "benefits", DESCRIPTION, [*_RULES, *_SAMPLE, *_REQUEST])


_RULES = [
    """
    CREATE TABLE benefit_rules (
        program_id uuid NOT NULL REFERENCES benefit_program (id),
        version integer NOT NULL CHECK (version >= 1),
        id uuid NOT NULL UNIQUE,
        rules jsonb NOT NULL,
        hash text COLLATE "C" NOT NULL,
        proposed_by uuid NOT NULL,
        proposed_at timestamptz NOT NULL,
        published_by uuid,
        published_at timestamptz,
        seen_hash text COLLATE "C",
        PRIMARY KEY (program_id, version),
        CHECK (num_nulls(published_by, published_at, seen_hash) IN (0, 3))
    )
    """,
    "GRANT SELECT ON benefit_rules TO tonglu_app",
    "GRANT SELECT, INSERT ON benefit_rules TO tonglu_platform",
    "GRANT UPDATE (published_by, published_at, seen_hash) ON benefit_rules TO tonglu_platform",
]

_SAMPLE = [
    # Neither whose customer it was nor which: there is nothing here to join with.
    """
    CREATE TABLE eligibility_sample (
        id uuid PRIMARY KEY,
        program_id uuid NOT NULL REFERENCES benefit_program (id),
        decided_at timestamptz NOT NULL,
        rules_version integer NOT NULL,
        facts jsonb NOT NULL,
        refusal_code text COLLATE "C"
    )
    """,
    "CREATE INDEX eligibility_sample_of ON eligibility_sample (program_id, decided_at)",
    "GRANT INSERT ON eligibility_sample TO tonglu_app",
    "GRANT SELECT ON eligibility_sample TO tonglu_job",
]

_REQUEST = [
    "ALTER TABLE benefit_request ADD COLUMN rules_version integer, ADD COLUMN facts jsonb",
    "GRANT UPDATE (rules_version, facts) ON benefit_request TO tonglu_app",
]
