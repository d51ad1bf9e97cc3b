"""A file's rows become leads (S38): judged as all are, and told where they are there already."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from typing_extensions import override

from server.access import Actor, Permission
from server.customers.sight import Where
from server.imports.rules.rows import Action, Interpreted, Policy, Problem, Verdict
from server.imports.targets import Target, Work, Written
from server.kit import db
from server.leads import sight
from server.leads.imports.columns import COLUMNS_ZH, VOCABULARY
from server.leads.imports.rows import Known, known, read_row
from server.leads.rules import verdicts
from server.leads.rules.states import IntakePath
from server.leads.rules.verdicts import Findings
from server.leads.service import intake
from server.leads.service.intake import Reading

_TEMPLATE: Final = tuple(
    said for field, said in COLUMNS_ZH.items() if field not in {"id", "amount_minor"}
)
_NAMES: Final = "SELECT l.id, l.name FROM raw_lead l WHERE l.tenant_id = $1"


class _Leads(Target):
    """Leads as what rows become."""

    name = "leads"
    permission = Permission.LEADS_MANAGE
    vocabulary = VOCABULARY
    policies = (Policy.SKIP, Policy.CREATE)
    template = _TEMPLATE
    columns_zh: Mapping[str, str] = COLUMNS_ZH
    reasons_zh: Mapping[str, str] = {
        "ambiguous_campaign": "有两个同名的活动，请先改名。",
        "ambiguous_source": "有两个同名的来源，请写出完整路径，如 线上/抖音。",
        "not_found": "没有这条线索，或您看不到它。",
        "sum_row": "这一行是合计，不是线索。",
        "unknown_campaign": "没有这个活动，请先建好再导入。",
        "unknown_source": "没有这个来源，请先建好再导入。",
    }

    @override
    async def begin(self, actor: Actor, import_id: UUID, policy: Policy) -> Work:
        """Look up what leads are judged by."""
        ground = await intake.look_around(actor.tenant_id)
        return _Work(actor, import_id, policy, known(ground))

    @override
    async def names_of(self, actor: Actor, record_ids: Sequence[str]) -> Mapping[str, str]:
        """Name the leads and the customers that the actor sees."""
        text, values = sight.condition(actor)
        seen = text.format(*(f"${number}" for number in range(3, 3 + len(values))))
        leads = await db.connection().fetch(
            f"{_NAMES} AND l.id = ANY($2::uuid[]) AND {seen}",
            actor.tenant_id,
            list(record_ids),
            *values,
        )
        where = Where(actor)
        where.add("c.id = ANY({}::uuid[])", list(record_ids))
        customers = await db.connection().fetch(
            f"SELECT c.id, c.name FROM customer c WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
            *where.args,
        )
        return {str(row["id"]): row["name"] for row in (*leads, *customers)}

    @override
    async def choices(self, actor: Actor) -> Mapping[str, Sequence[str]]:
        """Offer the sources that are in use, and the campaigns."""
        ground = await intake.look_around(actor.tenant_id)
        used = [each for each in ground.sources.values() if each.state == "active"]
        return {
            "source": sorted("/".join(each.path) for each in used),
            "campaign": sorted({name for name, _ in ground.campaigns.values()}),
        }


LEADS: Final = _Leads()


class _Work(Work):
    """One import of leads."""

    def __init__(self, actor: Actor, import_id: UUID, policy: Policy, known: Known) -> None:
        self._actor = actor
        self._import_id = import_id
        self._policy = policy
        self._known = known
        self._rows: dict[str, int] = {}
        """The rows of the file by phone and credit code; the first of each."""
        self._written: dict[UUID, int] = {}
        """The rows that an earlier run wrote, by the leads that they made."""
        self._findings: dict[int, Findings] = {}
        """What was looked up about the rows that are to be written next."""

    @override
    def interpret(self, number: int, cells: Mapping[str, str]) -> Interpreted:
        """Understand a row as a lead."""
        return read_row(number, cells, self._known)

    @override
    async def judge(self, rows: Sequence[Interpreted]) -> list[Verdict]:
        """Judge rows against the company's leads and customers and the rows before."""
        good = [row for row in rows if not row.problems]
        read = [(self._id_of(row), _reading(row)) for row in good]
        held, hidden = await self._held([lead_id for lead_id, _ in read])
        found = await intake.look_up(self._actor, read, self._known.ground)
        self._findings = {row.number: findings for row, findings in zip(good, found, strict=True)}
        return [self._judge_one(row, held, hidden) for row in rows]

    def _judge_one(self, row: Interpreted, held: set[UUID], hidden: set[UUID]) -> Verdict:
        """Judge one row."""
        if row.problems:
            return Verdict(row, Action.REFUSE, problems=row.problems)
        lead_id = self._id_of(row)
        target = str(lead_id)
        if lead_id in hidden:
            problem = Problem("id", "not_found", "No such lead.")
            return Verdict(row, Action.REFUSE, problems=(problem,))
        twin, is_repeated = self._twin(row), row.id in self._rows
        for key in _keys(row):
            self._rows.setdefault(key, row.number)
        if is_repeated and twin is not None:
            # One id is one lead, even where doubles are wanted.
            return Verdict(row, Action.SKIP, target, (twin,))
        if lead_id in held:
            # What an export wrote comes back.
            return Verdict(row, Action.SKIP, target)
        if twin is None or self._policy is Policy.CREATE:
            return Verdict(row, Action.CREATE, target)
        return Verdict(row, Action.SKIP, target, (twin,))

    def _twin(self, row: Interpreted) -> Problem | None:
        """Say which lead or customer a row is already."""
        findings = self._findings[row.number]
        before = [self._rows[key] for key in _keys(row) if key in self._rows]
        if findings.lead_id and (written := self._written.get(UUID(findings.lead_id))):
            before.append(written)
        if before:
            detail = f"Row {min(before)} is the same customer."
            return Problem("", "duplicate_in_file", detail)
        twin = findings.customer_id or findings.lead_id
        if twin is None:
            return None
        detail = "This customer is there already."
        return Problem("", "duplicate_in_tenant", detail, record_id=twin)

    @override
    def remember(self, rows: Mapping[int, Mapping[str, str]]) -> None:
        """Note which rows were written; what they say is looked up with the company's leads."""
        self._written |= {uuid5(self._import_id, str(number)): number for number in rows}

    @override
    async def write(self, judged: Sequence[Verdict], *, now: datetime) -> Written:
        """Keep the leads that are new, each with what is said of it."""
        new = [each.row for each in judged if each.action is Action.CREATE]
        if new:
            await intake.write(
                self._actor, self._batch(new), self._known.ground, IntakePath.IMPORT, now=now
            )
        return Written()

    def _batch(self, rows: Sequence[Interpreted]) -> intake.Batch:
        """Put together what is to be written."""
        read = [_reading(row) for row in rows]
        judgements = [
            verdicts.judge(each.contact, self._findings[row.number])
            for row, each in zip(rows, read, strict=True)
        ]
        return intake.Batch([self._id_of(row) for row in rows], read, judgements)

    def _id_of(self, row: Interpreted) -> UUID:
        """Give the id of the lead that a row makes: the same however often the import is run."""
        return UUID(row.id) if row.id else uuid5(self._import_id, str(row.number))

    async def _held(self, lead_ids: Sequence[UUID]) -> tuple[set[UUID], set[UUID]]:
        """Find the leads that are there, and those of them that the actor does not see."""
        text, values = sight.condition(self._actor)
        seen = text.format(*(f"${number}" for number in range(3, 3 + len(values))))
        rows = await db.connection().fetch(
            f"SELECT l.id, {seen} AS is_seen FROM raw_lead l"  # noqa: S608 - constants and numbered parameters
            " WHERE l.tenant_id = $1 AND l.id = ANY($2::uuid[])",
            self._actor.tenant_id,
            list(lead_ids),
            *values,
        )
        held = {row["id"] for row in rows}
        return held, {row["id"] for row in rows if not row["is_seen"]}


def _reading(row: Interpreted) -> Reading:
    """Give what was understood of a good row."""
    reading: Reading = row.fields["reading"]
    return reading


def _keys(row: Interpreted) -> list[str]:
    """Give what tells a lead from another."""
    contact = _reading(row).contact
    return [key for key in (row.id, contact.uscc, contact.phone) if key]
