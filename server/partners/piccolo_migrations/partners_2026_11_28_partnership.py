"""What the platform and an agent have agreed: tier, agreements, on-boarding, sharing contract."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from server.kit.schema import sql_migration

ID = "2026-11-28T00:00:00:000310"
VERSION = "1.38.0"
DESCRIPTION = "Tiers by date, agreements, on-boarding, sharing contracts."

_OWN = "agent_id = (SELECT current_setting('app.tenant_id')::uuid)"
_STEPS = (
    ("licence", "核验营业执照与统一社会信用代码", "Business licence and credit code checked"),
    ("agreement", "签署代理协议", "Agreement signed"),
    ("territory", "授予区域", "Territory granted"),
    ("owner", "老板账号开通并改好密码", "Owner has joined with a password of their own"),
    ("device", "登记第一台设备", "First device enrolled"),
    ("contract", "数据共享约定已由老板确认", "Sharing contract accepted by the owner"),
    ("training", "完成首次培训", "First training held"),
)


def _both_sides(table: str, *, platform: str, agent: str, job: str = "") -> list[str]:
    """Protect a table that the platform writes and each agent reads its own rows of."""
    readers = [("tonglu_platform", platform), ("tonglu_app", agent)]
    statements = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"""
        CREATE POLICY {table}_platform ON {table} TO tonglu_platform
        USING (current_user = 'tonglu_platform') WITH CHECK (current_user = 'tonglu_platform')
        """,
        f"CREATE POLICY {table}_agent ON {table} TO tonglu_app USING ({_OWN}) WITH CHECK ({_OWN})",
    ]
    if job:
        readers.append(("tonglu_job", job))
        statements.append(
            f"CREATE POLICY {table}_job ON {table} TO tonglu_job "
            "USING (current_user = 'tonglu_job')"
        )
    return [*statements, *(f"GRANT {what} ON {table} TO {role}" for role, what in readers)]


_STATEMENTS = [
    """
    CREATE TABLE agent_tier (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL,
        tier text NOT NULL CHECK (tier IN ('gold', 'silver', 'bronze')),
        since date NOT NULL,
        reason text NOT NULL,
        set_by uuid NOT NULL,
        set_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX agent_tier_of ON agent_tier (agent_id, set_at)",
    """
    INSERT INTO agent_tier (id, agent_id, tier, since, reason, set_by, set_at)
    SELECT tenant_id, tenant_id, tier, (joined_at AT TIME ZONE 'Asia/Shanghai')::date, '',
        '00000000-0000-0000-0000-000000000000', joined_at
    FROM agent
    """,
    *_both_sides("agent_tier", platform="SELECT, INSERT", agent="SELECT, INSERT"),
    "GRANT UPDATE (tier) ON agent TO tonglu_platform",
    """
    CREATE TABLE agent_agreement (
        id uuid PRIMARY KEY,
        agent_id uuid NOT NULL REFERENCES agent (tenant_id),
        number text NOT NULL,
        version bigint NOT NULL CHECK (version > 0),
        title text NOT NULL,
        signed_on date NOT NULL,
        valid_from date NOT NULL,
        valid_until date,
        recorded_by uuid NOT NULL,
        recorded_at timestamptz NOT NULL,
        UNIQUE (agent_id, number, version),
        CHECK (valid_until >= valid_from)
    )
    """,
    *_both_sides("agent_agreement", platform="SELECT, INSERT", agent="SELECT"),
    """
    CREATE TABLE onboarding_step (
        code text PRIMARY KEY,
        position bigint NOT NULL,
        label_zh text NOT NULL,
        label_en text NOT NULL
    )
    """,
    "GRANT SELECT, INSERT ON onboarding_step TO tonglu_platform",
    "GRANT SELECT ON onboarding_step TO tonglu_app",
    *(
        f"INSERT INTO onboarding_step VALUES ('{code}', {position}, '{zh}', '{en}')"
        for position, (code, zh, en) in enumerate(_STEPS, 1)
    ),
    """
    CREATE TABLE onboarding_tick (
        agent_id uuid NOT NULL REFERENCES agent (tenant_id),
        step text NOT NULL REFERENCES onboarding_step (code),
        note text NOT NULL,
        ticked_by uuid NOT NULL,
        ticked_by_name text NOT NULL,
        ticked_at timestamptz NOT NULL,
        PRIMARY KEY (agent_id, step)
    )
    """,
    *_both_sides("onboarding_tick", platform="SELECT, INSERT, DELETE", agent="SELECT"),
    """
    CREATE TABLE sharing_contract (
        agent_id uuid NOT NULL REFERENCES agent (tenant_id),
        version bigint NOT NULL CHECK (version > 0),
        fields text[] NOT NULL,
        offered_by uuid NOT NULL,
        offered_at timestamptz NOT NULL,
        accepted_by uuid,
        accepted_at timestamptz,
        PRIMARY KEY (agent_id, version)
    )
    """,
    *_both_sides("sharing_contract", platform="SELECT, INSERT", agent="SELECT", job="SELECT"),
    "GRANT UPDATE (accepted_by, accepted_at) ON sharing_contract TO tonglu_app",
]


async def forwards() -> MigrationManager:
    """Make the tables: the platform writes them, an agent reads its own and accepts."""
    return sql_migration(ID, "partners", DESCRIPTION, _STATEMENTS)
