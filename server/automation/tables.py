"""Tables of automation, as facts on disk. The truth about keys and indexes is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class SlaPolicy(Table, tablename="sla_policy"):
    """When word of late must-do tasks goes where: each version as it was set, none is changed."""

    tenant_id = UUID()
    version = BigInt(primary_key=True)
    terms = JSONB()
    set_by = UUID()
    set_at = Timestamptz()


class TaskEscalation(Table, tablename="task_escalation"):
    """That word of a task went a step, once for each time at which the task was due."""

    tenant_id = UUID()
    task_id = UUID()
    due_at = Timestamptz()
    step = Text(primary_key=True)
    sla_version = BigInt()
    told_at = Timestamptz()
