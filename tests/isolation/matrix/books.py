"""Routes of statements, reconciliation and accounting vouchers."""

from itertools import cycle
from typing import Final

from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import FINANCE

_RECON_FILE: Final = {"path.file_id": "recon_file"}
_RECON_QUESTION: Final = {"path.question_id": "recon_question"}
_RECON_EXCEPTION: Final = {"path.exception_id": "recon_exception"}


_MONTHS: Final = cycle(f"{2000 + n // 12}-{1 + n % 12:02d}" for n in range(20 * 12))
"""Each has one statement of an agent; the world has drawn up none of these."""


API: Final[dict[Route, Case]] = {
    # Periods of the books, the chart and vouchers are the platform's own; there are none.
    ("GET", "/v1/platform/accounting/periods"): Case(role=FINANCE),
    ("POST", "/v1/platform/accounting/periods"): Case(
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {
            "id": str(new_id()),
            "begins_on": "2026-02-01",
            "ends_on": "2026-01-31",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/periods/{period_id}"): Case(
        shared={"path.period_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/accounting/periods/{period_id}/state"): Case(
        shared={"path.period_id": "program"},
        role=FINANCE,
        body=lambda _: {"state": "soft_closed", "reason": "月结"},
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/chart"): Case(role=FINANCE),
    # Below nothing.
    ("POST", "/v1/platform/accounting/chart"): Case(
        role=FINANCE,
        body=lambda _: {
            "accounts": [{"code": "199901", "name": "无上级", "category": "asset", "side": "debit"}]
        },
        succeeds=False,
    ),
    # In no century of ours.
    ("POST", "/v1/platform/accounting/chart/beginning"): Case(
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "standard": "enterprise", "begins_on": "1900-01-01"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/rules"): Case(
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {
            "id": str(new_id()),
            "kind": "bank",
            "account_code": "1999",
            "begins_on": "2026-01-01",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/treatments"): Case(
        shared={"body.program_id": "program"},
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "standard": "enterprise",
            "program_id": str(company.ids["program"]),
            "treatment": "selling_expense",
            "begins_on": "2026-01-01",
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/templates"): Case(
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {
            "id": str(new_id()),
            "event": "test.never",
            "begins_on": "2026-01-01",
            "summary": "{nobody}",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/periods/{period_id}/vouchers"): Case(
        shared={"path.period_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/v1/platform/accounting/periods/{period_id}/runs"): Case(
        shared={"path.period_id": "program"},
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id())},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/runs/{run_id}/check"): Case(
        shared={"path.run_id": "program"},
        role=FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/runs/{run_id}/refusal"): Case(
        shared={"path.run_id": "program"},
        role=FINANCE,
        body=lambda _: {"reason": "摘要不对"},
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/vouchers/{voucher_id}"): Case(
        shared={"path.voucher_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("GET", "/v1/platform/accounting/vouchers/{voucher_id}/transfers"): Case(
        shared={"path.voucher_id": "program", "query.after": "program"},
        role=FINANCE,
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/vouchers/{voucher_id}/reversal"): Case(
        shared={"path.voucher_id": "program"},
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "reason": "科目不对"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/accounting/exports"): Case(
        shared={"body.period_id": "program"},
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "period_id": str(company.ids["program"]),
            "format": "csv",
        },
        succeeds=False,
    ),
    ("GET", "/v1/platform/accounting/exports/{export_id}/file"): Case(
        shared={"path.export_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("GET", "/v1/statements"): Case(),
    ("GET", "/v1/statements/{statement_id}"): Case(ids={"path.statement_id": "statement"}),
    ("GET", "/v1/statements/{statement_id}/lines"): Case(ids={"path.statement_id": "statement"}),
    # Nothing moved in its month, so that it has no line to speak of.
    ("POST", "/v1/statements/{statement_id}/confirmations"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"lines": [1]}, succeeds=False
    ),
    ("POST", "/v1/statements/{statement_id}/disputes"): Case(
        ids={"path.statement_id": "statement"},
        body=lambda _: {"line": 1, "reason": "少计"},
        succeeds=False,
    ),
    ("POST", "/v1/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"hash": "0" * 64}, succeeds=False
    ),
    # The platform has not signed it.
    ("GET", "/v1/statements/{statement_id}/signed.txt"): Case(
        ids={"path.statement_id": "statement"}, succeeds=False
    ),
    ("GET", "/v1/statements/{statement_id}/statement.xlsx"): Case(
        ids={"path.statement_id": "statement"}
    ),
    ("GET", "/v1/statements/{statement_id}/statement.pdf"): Case(
        ids={"path.statement_id": "statement"}
    ),
    ("GET", "/v1/platform/statements"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=FINANCE
    ),
    ("POST", "/v1/platform/statements"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "month": next(_MONTHS),
        },
    ),
    ("GET", "/v1/platform/statement-disputes"): Case(role=FINANCE),
    ("GET", "/v1/platform/statements/{statement_id}"): Case(
        ids={"path.statement_id": "statement"}, answers={"path.statement_id": 200}, role=FINANCE
    ),
    ("GET", "/v1/platform/statements/{statement_id}/lines"): Case(
        ids={"path.statement_id": "statement"}, answers={"path.statement_id": 200}, role=FINANCE
    ),
    ("POST", "/v1/platform/statements/{statement_id}/answers"): Case(
        ids={"path.statement_id": "statement"},
        shared={"body.transfer_id": "program"},
        # Neither has this line.
        answers={"path.statement_id": 404},
        role=FINANCE,
        body=lambda company: {
            "line": 1,
            "outcome": "corrected",
            "note": "已补记",
            "transfer_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    ("POST", "/v1/platform/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"},
        answers={"path.statement_id": 409},
        role=FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("GET", "/v1/reconciliation/files"): Case(),
    ("GET", "/v1/reconciliation/files/{file_id}"): Case(ids=_RECON_FILE),
    ("GET", "/v1/reconciliation/files/{file_id}/exceptions"): Case(ids=_RECON_FILE),
    ("GET", "/v1/reconciliation/files/{file_id}/rejected.csv"): Case(ids=_RECON_FILE),
    ("GET", "/v1/reconciliation/files/{file_id}/differences.csv"): Case(ids=_RECON_FILE),
    ("POST", "/v1/reconciliation/exceptions/{exception_id}/answer"): Case(
        ids={"path.exception_id": "recon_exception"}, body=lambda _: {"said": "已补记"}
    ),
    ("GET", "/v1/reconciliation/sources"): Case(),
    ("POST", "/v1/reconciliation/sources"): Case(
        ids={"body.agent_id": "tenant"},
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "name": "ERP",
            "column_map": {"columns": {"id": "单号"}},
        },
    ),
    # As finance's: no source reads a column of this name.
    ("POST", "/v1/reconciliation/files"): Case(
        ids={"query.source_id": "recon_source"},
        new_ids=("query.id",),
        query={"id": str(new_id()), "month": "2020-01", "file_name": "b.csv"},
        file="备注\n无\n".encode(),
        succeeds=False,
    ),
    ("GET", "/v1/reconciliation/questions"): Case(ids={"query.file_id": "recon_file"}),
    ("POST", "/v1/reconciliation/questions/{question_id}/reply"): Case(
        ids=_RECON_QUESTION, body=lambda _: {"said": "由门店补录"}
    ),
    ("GET", "/v1/reconciliation/groups"): Case(ids={"query.file_id": "recon_file"}),
    ("GET", "/v1/reconciliation/exceptions"): Case(ids={"query.file_id": "recon_file"}),
    ("GET", "/v1/reconciliation/exceptions/{exception_id}"): Case(ids=_RECON_EXCEPTION),
    ("GET", "/v1/platform/reconciliation/groups"): Case(
        ids={"query.file_id": "recon_file", "query.agent_id": "tenant"},
        answers={"query.file_id": 200, "query.agent_id": 200},
        role=FINANCE,
    ),
    ("GET", "/v1/platform/reconciliation/exceptions"): Case(
        ids={"query.file_id": "recon_file", "query.agent_id": "tenant"},
        answers={"query.file_id": 200, "query.agent_id": 200},
        role=FINANCE,
    ),
    ("GET", "/v1/platform/reconciliation/exceptions/{exception_id}"): Case(
        ids=_RECON_EXCEPTION, answers={"path.exception_id": 200}, role=FINANCE
    ),
    ("GET", "/v1/platform/reconciliation/questions"): Case(
        ids={"query.file_id": "recon_file", "query.agent_id": "tenant"},
        answers={"query.file_id": 200, "query.agent_id": 200},
        role=FINANCE,
    ),
    # The id belongs to a question that says something else.
    ("POST", "/v1/platform/reconciliation/exceptions/{exception_id}/questions"): Case(
        ids={**_RECON_EXCEPTION, "body.id": "recon_question"},
        answers={"path.exception_id": 409, "body.id": 409},
        role=FINANCE,
        body=lambda company: {"id": str(company.ids["recon_question"]), "asked": "为什么？"},
        succeeds=False,
    ),
    ("GET", "/v1/platform/reconciliation/sources"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=FINANCE
    ),
    ("POST", "/v1/platform/reconciliation/sources"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 201},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "name": "ERP",
            "column_map": {"columns": {"id": "单号"}},
        },
    ),
    ("GET", "/v1/platform/reconciliation/files"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=FINANCE
    ),
    # No source reads a column of this name.
    ("POST", "/v1/platform/reconciliation/files"): Case(
        ids={"query.source_id": "recon_source"},
        answers={"query.source_id": 422},
        new_ids=("query.id",),
        query={"id": str(new_id()), "month": "2020-01", "file_name": "b.csv"},
        role=FINANCE,
        file="备注\n无\n".encode(),
        succeeds=False,
    ),
    ("GET", "/v1/platform/reconciliation/files/{file_id}"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=FINANCE
    ),
    ("GET", "/v1/platform/reconciliation/files/{file_id}/exceptions"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=FINANCE
    ),
    # One of its differences is settled.
    ("POST", "/v1/platform/reconciliation/files/{file_id}/withdrawal"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 409}, role=FINANCE, succeeds=False
    ),
    ("GET", "/v1/platform/reconciliation/files/{file_id}/rejected.csv"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=FINANCE
    ),
    ("GET", "/v1/platform/reconciliation/files/{file_id}/differences.csv"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=FINANCE
    ),
    # The books have no such transfers.
    ("POST", "/v1/platform/reconciliation/exceptions/{exception_id}/resolution"): Case(
        ids={"path.exception_id": "recon_exception"},
        shared={"body.group_id": "program"},
        answers={"path.exception_id": 422},
        role=FINANCE,
        body=lambda company: {
            "outcome": "corrected_here",
            "note": "已补记",
            "group_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    # Likewise; of each it is said by itself what became of it.
    ("POST", "/v1/platform/reconciliation/resolutions"): Case(
        ids={"body.exceptions.0": "recon_exception"},
        shared={"body.group_id": "program"},
        answers={"body.exceptions.0": 422},
        role=FINANCE,
        body=lambda company: {
            "exceptions": [str(company.ids["recon_exception"])],
            "outcome": "corrected_here",
            "note": "已补记",
            "group_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/statements"): Case(),
    ("GET", "/statements/{statement_id}"): Case(ids={"path.statement_id": "statement"}),
    ("GET", "/statements/{statement_id}/statement.pdf"): Case(
        ids={"path.statement_id": "statement"}
    ),
    ("GET", "/statements/{statement_id}/statement.xlsx"): Case(
        ids={"path.statement_id": "statement"}
    ),
    # As over the API: nothing moved in its month, and the platform has not signed it.
    ("GET", "/statements/{statement_id}/signed.txt"): Case(
        ids={"path.statement_id": "statement"}, succeeds=False
    ),
    ("POST", "/statements/{statement_id}/confirmations"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"lines": "1"}, succeeds=False
    ),
    ("POST", "/statements/{statement_id}/disputes"): Case(
        ids={"path.statement_id": "statement"},
        body=lambda _: {"line": "1", "reason": "少计"},
        succeeds=False,
    ),
    ("POST", "/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"}, body=lambda _: {"hash": "0" * 64}, succeeds=False
    ),
    ("GET", "/reconciliation"): Case(),
    ("GET", "/reconciliation/files/{file_id}"): Case(ids=_RECON_FILE),
    ("GET", "/reconciliation/files/{file_id}/rejected.csv"): Case(ids=_RECON_FILE),
    ("GET", "/reconciliation/files/{file_id}/differences.csv"): Case(ids=_RECON_FILE),
    ("GET", "/reconciliation/differences"): Case(ids={"query.file_id": "recon_file"}),
    ("GET", "/reconciliation/differences/{exception_id}"): Case(ids=_RECON_EXCEPTION),
    ("POST", "/reconciliation/differences/{exception_id}/answer"): Case(
        ids=_RECON_EXCEPTION, body=lambda _: {"said": "已补记"}
    ),
    ("POST", "/reconciliation/questions/{question_id}/reply"): Case(
        ids=_RECON_QUESTION, body=lambda _: {"said": "由门店补录"}
    ),
    ("GET", "/reconciliation/files/new"): Case(),
    # Whatever agent a form names, it is of one's own company.
    ("POST", "/reconciliation/files/preview"): Case(
        file="单号,金额,日期\nX-1,5,2020-01-02\n".encode(), body=lambda _: {}
    ),
    # Columns without an amount are read by no source.
    ("POST", "/reconciliation/files"): Case(
        new_ids=("body.id", "body.source_id"),
        file="单号\nX-1\n".encode(),
        body=lambda company: {
            "id": str(new_id()),
            "source_id": str(new_id()),
            "said_for": str(company.ids["tenant"]),
            "month": "2020-01",
            "name": "ERP",
            "header": '["单号"]',
            "column_0": "id",
        },
        succeeds=False,
    ),
    ("GET", "/console/reconciliation"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=FINANCE
    ),
    ("GET", "/console/reconciliation/files/new"): Case(role=FINANCE),
    # A look keeps nothing; of another agent it would show that agent's ways of reading.
    ("POST", "/console/reconciliation/files/preview"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 200},
        role=FINANCE,
        file="单号,金额,日期\nX-1,5,2020-01-02\n".encode(),
        body=lambda company: {"agent_id": str(company.ids["tenant"])},
    ),
    # Columns without an amount are read by no source.
    ("POST", "/console/reconciliation/files"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 422},
        new_ids=("body.id", "body.source_id"),
        role=FINANCE,
        file="单号\nX-1\n".encode(),
        body=lambda company: {
            "id": str(new_id()),
            "source_id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "said_for": str(company.ids["tenant"]),
            "month": "2020-01",
            "name": "ERP",
            "header": '["单号"]',
            "column_0": "id",
        },
        succeeds=False,
    ),
    ("GET", "/console/reconciliation/files/{file_id}"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=FINANCE
    ),
    # As over the API.
    ("POST", "/console/reconciliation/files/{file_id}/withdrawal"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 409}, role=FINANCE, succeeds=False
    ),
    ("GET", "/console/reconciliation/files/{file_id}/rejected.csv"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=FINANCE
    ),
    ("GET", "/console/reconciliation/files/{file_id}/differences.csv"): Case(
        ids=_RECON_FILE, answers={"path.file_id": 200}, role=FINANCE
    ),
    ("GET", "/console/reconciliation/differences"): Case(
        ids={"query.file_id": "recon_file", "query.agent_id": "tenant"},
        answers={"query.file_id": 200, "query.agent_id": 200},
        role=FINANCE,
    ),
    ("GET", "/console/reconciliation/differences/{exception_id}"): Case(
        ids=_RECON_EXCEPTION, answers={"path.exception_id": 200}, role=FINANCE
    ),
    # As over the API: the books have no such transfers.
    ("POST", "/console/reconciliation/differences/{exception_id}/resolution"): Case(
        ids=_RECON_EXCEPTION,
        shared={"body.group_id": "program"},
        answers={"path.exception_id": 422},
        role=FINANCE,
        body=lambda company: {
            "outcome": "corrected_here",
            "note": "已补记",
            "group_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    # As over the API: the id belongs to another question.
    ("POST", "/console/reconciliation/differences/{exception_id}/questions"): Case(
        ids={**_RECON_EXCEPTION, "body.id": "recon_question"},
        answers={"path.exception_id": 409, "body.id": 409},
        role=FINANCE,
        body=lambda company: {"id": str(company.ids["recon_question"]), "asked": "为什么？"},
        succeeds=False,
    ),
    ("POST", "/console/reconciliation/differences/resolution"): Case(
        ids={"body.exceptions": "recon_exception", "query.file_id": "recon_file"},
        shared={"body.group_id": "program"},
        answers={"body.exceptions": 422, "query.file_id": 422},
        role=FINANCE,
        body=lambda company: {
            "exceptions": str(company.ids["recon_exception"]),
            "outcome": "corrected_here",
            "note": "已补记",
            "group_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    # Periods of the books, the chart and vouchers are the platform's own; there are none.
    ("GET", "/console/statements"): Case(
        ids={"query.agent_id": "tenant"}, answers={"query.agent_id": 200}, role=FINANCE
    ),
    ("POST", "/console/statements"): Case(
        ids={"body.agent_id": "tenant"},
        answers={"body.agent_id": 303},
        new_ids=("body.id",),
        role=FINANCE,
        body=lambda company: {
            "id": str(new_id()),
            "agent_id": str(company.ids["tenant"]),
            "month": next(_MONTHS),
            "answer_days": "15",
        },
    ),
    ("GET", "/console/statements/{statement_id}"): Case(
        ids={"path.statement_id": "statement"}, answers={"path.statement_id": 200}, role=FINANCE
    ),
    # As over the API: neither has this line, and the hash is none.
    ("POST", "/console/statements/{statement_id}/answers"): Case(
        ids={"path.statement_id": "statement"},
        shared={"body.transfer_id": "program"},
        answers={"path.statement_id": 404},
        role=FINANCE,
        body=lambda company: {
            "line": "1",
            "outcome": "corrected",
            "note": "已补记",
            "transfer_id": str(company.ids["program"]),
        },
        succeeds=False,
    ),
    ("POST", "/console/statements/{statement_id}/signature"): Case(
        ids={"path.statement_id": "statement"},
        answers={"path.statement_id": 409},
        role=FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("GET", "/console/accounting"): Case(role=FINANCE),
    ("GET", "/console/accounting/chart"): Case(role=FINANCE),
    ("POST", "/console/accounting/periods"): Case(
        role=FINANCE,
        body=lambda _: {"begins_on": "2026-02-01", "ends_on": "2026-01-31"},
        succeeds=False,
    ),
    ("POST", "/console/accounting/chart"): Case(
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "standard": "enterprise", "begins_on": "1900-01-01"},
        succeeds=False,
    ),
    ("GET", "/console/accounting/periods/{period_id}"): Case(
        shared={"path.period_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/console/accounting/periods/{period_id}/state"): Case(
        shared={"path.period_id": "program"},
        role=FINANCE,
        body=lambda _: {"state": "soft_closed", "reason": "月结"},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/runs"): Case(
        shared={"path.period_id": "program"},
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id())},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/runs/{run_id}/check"): Case(
        shared={"path.period_id": "program", "path.run_id": "program"},
        role=FINANCE,
        body=lambda _: {"hash": "0" * 64},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/runs/{run_id}/refusal"): Case(
        shared={"path.period_id": "program", "path.run_id": "program"},
        role=FINANCE,
        body=lambda _: {"reason": "摘要不对"},
        succeeds=False,
    ),
    ("POST", "/console/accounting/periods/{period_id}/exports"): Case(
        shared={"path.period_id": "program"},
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "format": "csv"},
        succeeds=False,
    ),
    ("GET", "/console/accounting/vouchers/{voucher_id}"): Case(
        shared={"path.voucher_id": "program"}, role=FINANCE, succeeds=False
    ),
    ("POST", "/console/accounting/vouchers/{voucher_id}/reversal"): Case(
        shared={"path.voucher_id": "program"},
        role=FINANCE,
        new_ids=("body.id",),
        body=lambda _: {"id": str(new_id()), "reason": "科目不对"},
        succeeds=False,
    ),
    ("GET", "/console/accounting/exports/{export_id}/file"): Case(
        shared={"path.export_id": "program"}, role=FINANCE, succeeds=False
    ),
}
