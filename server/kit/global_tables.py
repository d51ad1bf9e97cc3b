"""Every table that is not one tenant's, who may do what with it, and why.

A test compares this with the catalogue.
"""

from typing import Final

import msgspec


class GlobalTable(msgspec.Struct, frozen=True):
    """A table without a tenant policy: role to privileges, and why it stands outside."""

    grants: dict[str, frozenset[str]]
    reason: str


def _table(reason: str, **grants: str) -> GlobalTable:
    """Write a line of the list: grants as ``tonglu_app="SELECT INSERT"``."""
    return GlobalTable({role: frozenset(given.split()) for role, given in grants.items()}, reason)


GLOBAL_TABLES: Final[dict[str, GlobalTable]] = {
    "outbox": _table(
        "Work to be done after a commit, for every tenant; the application may only add.",
        tonglu_app="INSERT",
        tonglu_platform="INSERT",
        tonglu_job="SELECT UPDATE DELETE INSERT",
    ),
    "schedule": _table(
        "Work that comes round for the whole platform, and when it is due.",
        tonglu_job="SELECT INSERT UPDATE",
    ),
    "login_name": _table(
        "A login name is looked up before its tenant is known, and is unique over all tenants.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "refresh_family": _table(
        "A refresh token is found by its family before its tenant is known.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "web_session": _table(
        "A cookie is found by its hash before its tenant is known.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "enrolment_code": _table(
        "A device presents its code before its tenant is known.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "invitation": _table(
        "Somebody presents a code before their tenant is known.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "throttle_counter": _table(
        "Tries are counted before anybody is known; keys are keyed hashes.",
        tonglu_app="SELECT INSERT UPDATE DELETE",
    ),
    "ledger_account_kind": _table(
        "Kinds of accounts and the dimensions that they want, written by migrations.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT",
    ),
    "ledger_account": _table(
        "The books are the platform's and every agent's. Under row-level security an agent's "
        "transaction reaches its own accounts and the shared pools; counters move by trigger only.",
        tonglu_app="SELECT INSERT UPDATE",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "ledger_transfer": _table(
        "Insert only. Under row-level security an agent's transaction may add holds of its own, "
        "and reads nothing.",
        tonglu_app="INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_entry": _table(
        "Insert only, by the trigger on transfers. An agent's transaction writes the pool's lines "
        "too, and reads nothing.",
        tonglu_app="INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_outcome": _table(
        "Insert only. Under row-level security an agent's transaction reaches its own keys.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_period": _table(
        "Periods of the books, for every writer to heed; a change alone moves their state.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "ledger_period_change": _table(
        "Insert only: who closed a period or opened it again, and why.",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_trial": _table(
        "Insert only, by the trigger on changes of periods: the trial balance of each close.",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_rate": _table(
        "Insert only: rates between currencies, set by the platform.",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_exchange": _table(
        "Insert only: the rate at which two transfers exchanged, and what rounding left.",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_unsealed": _table(
        "Which transfers no block covers yet: added by the trigger on transfers, taken away by who "
        "seals.",
        tonglu_app="INSERT",
        tonglu_platform="SELECT INSERT DELETE",
    ),
    "ledger_leaf": _table(
        "Insert only: the place of each entry in the log, and its hash.",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_node": _table(
        "Insert only: hashes over full subtrees of the log.",
        tonglu_platform="SELECT INSERT",
    ),
    "ledger_block": _table(
        "Insert only: what was sealed at once, and the signed head.",
        tonglu_platform="SELECT INSERT",
    ),
    "budget": _table(
        "The platform's budget tree.",
        tonglu_platform="SELECT INSERT",
    ),
    "issuance": _table(
        "One record for both sides. Under row-level security an agent's transaction reaches its "
        "own; the platform settles them, as the ledger says, and issues for many callers at once.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "escrow_unit": _table(
        "What devices hold of their agents' allocations. Under row-level security an agent's "
        "transaction reaches its own; the platform releases what is over.",
        tonglu_app="SELECT INSERT UPDATE",
        tonglu_platform="SELECT UPDATE",
    ),
    "redemption": _table(
        "What became of benefits, by part; insert only. Under row-level security an agent's "
        "transaction reads its own.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "voucher": _table(
        "Codes by their keyed hashes. Under row-level security an agent's transaction reaches its "
        "own; the platform's side locks them.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT UPDATE",
    ),
    "voucher_alarm": _table(
        "Who was stopped from guessing codes.",
        tonglu_platform="SELECT INSERT",
    ),
    "benefit_trace": _table(
        "What is known of each benefit without a name. Under row-level security an agent's "
        "transaction adds its own and reads none.",
        tonglu_app="INSERT",
        tonglu_platform="SELECT UPDATE",
    ),
    "benefit_guard": _table(
        "From when on what looks like fraud in a program. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "benefit_review": _table(
        "Benefits that looked like fraud. Under row-level security an agent's transaction reaches "
        "its own, and appeals.",
        tonglu_app="SELECT UPDATE",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "commission_sheet_map": _table(
        "How sheets of sales are read. Insert only; the platform's.",
        tonglu_platform="SELECT INSERT",
    ),
    "commission_sheet": _table(
        "Spreadsheets of sales and refunds that the platform's finance handed in.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "commission_sheet_part": _table(
        "Rows of these sheets until a worker records them; then what became of each.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "recon_source": _table(
        "How agents' files are read. Insert only; under row-level security an agent's transaction "
        "reaches its own.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "recon_file": _table(
        "Files of agents that are compared with the platform's books. Under row-level security an "
        "agent's transaction adds and reads its own; it reads their lines, matches and exceptions.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "recon_line": _table(
        "Lines of both sides as they were compared; customers are tokens. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "recon_match": _table(
        "Which of the lines are the same. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "recon_exception": _table(
        "Where the two sides differ; what came of it is said once.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "recon_part": _table(
        "Rows of agents' files until a worker reads them, without names; then what was refused. "
        "Under row-level security an agent's transaction adds and reads its own.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "recon_answer": _table(
        "What agents' owners say of differences. Insert only; under row-level security an agent's "
        "transaction reaches its own.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT",
    ),
    "recon_question": _table(
        "What finance asks agents about differences. Insert only; under row-level security an "
        "agent's transaction reads its own.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "recon_reply": _table(
        "What agents' owners reply to questions. Insert only; under row-level security an agent's "
        "transaction reaches its own.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT",
    ),
    "statement": _table(
        "What stood on an agent's accounts in a month. Insert only; under row-level security an "
        "agent's transaction reads its own.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "statement_account": _table(
        "The accounts of a statement. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "statement_line": _table(
        "The entries of the ledger that a statement tells. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "statement_answer": _table(
        "What an owner says of a line, and once what the platform answers.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT UPDATE",
    ),
    "statement_signature": _table(
        "Who signed a statement. Insert only; an agent's transaction signs for itself alone.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "commission_plan_version": _table(
        "What plans pay, published to all. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "commission_sale": _table(
        "What commission is paid for. The platform's alone: several agents share one.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "commission_refund": _table(
        "What was taken back. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "commission_line": _table(
        "Who gets what for a sale. Under row-level security an agent's transaction reads its own, "
        "as it does its items and payments; its state moves as the ledger says.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "commission_item": _table(
        "What moved an agent's account. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "saas_plan_version": _table(
        "What plans of the product include and cost, published to all. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "saas_subscription": _table(
        "How far an agent's plan was carried on. Under row-level security an agent's transaction "
        "reads its own, as it does its changes, grants, final invoices and what became of them.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "saas_change": _table(
        "What an agent's plan is from a day on. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "saas_grant": _table(
        "What an agent has beyond its plan; only its end may change.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "usage_event": _table(
        "What an agent used. Its own transaction tells it. Insert only.",
        tonglu_app="SELECT INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "usage_bucket": _table(
        "The sums of what an agent used, hour by hour.",
        tonglu_app="SELECT INSERT UPDATE",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "invoice_series": _table(
        "The last number that a series of invoices gave. The platform's alone.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "invoice": _table(
        "What an agent's plan cost for a month; a final one stays.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "invoice_line": _table(
        "The lines of invoices. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "invoice_payment": _table(
        "What came in for an invoice. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "credit_note": _table(
        "What of an invoice is void. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "invoice_fapiao": _table(
        "The number of the e-invoice that somebody else issued. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "dunning_step": _table(
        "Where an agent stood while it owed. Insert only.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "counter_offer": _table(
        "What matching a rival would cost. The platform's alone.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "natural_person": _table(
        "Of whose commission tax is withheld, as the platform says. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "payout_batch": _table(
        "Payments that are let go together, by two people.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "payout_payment": _table(
        "What one agent is paid.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "payout_file": _table(
        "What the bank was told to pay, and to which accounts, as far as that is kept. "
        "Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "payout_item": _table(
        "Which items a payment is of; each in one live payment.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "chart_account": _table(
        "The chart of accounts that vouchers are written in. The platform's alone, as all of them "
        "are. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "posting_rule": _table(
        "Where legs of transfers are posted. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "accounting_voucher_template": _table(
        "How transfers become vouchers. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "accounting_voucher_run": _table(
        "Vouchers put up together; checked or refused once, by somebody else.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "accounting_voucher": _table(
        "What closed periods moved, in the chart's accounts. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "accounting_voucher_line": _table(
        "Lines of vouchers. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "accounting_voucher_transfer": _table(
        "Which transfers a voucher is of; each in one that stands.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "accounting_voucher_within": _table(
        "Which transfers are in no voucher, both legs being posted to one account.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "accounting_voucher_counter": _table(
        "The last number of each period and word.",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "accounting_voucher_number": _table(
        "Numbers without gaps. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "accounting_export": _table(
        "What was exported, by the digest of its bytes. Insert only.",
        tonglu_platform="SELECT INSERT",
    ),
    "benefit_program": _table(
        "The platform's offer to every agent. The key of the customers' tokens is not granted to "
        "the platform's role.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "platform_request": _table(
        "What agents ask the platform to help with: no customer, no name. Under row-level security "
        "an agent's transaction reaches its own.",
        tonglu_app="SELECT INSERT UPDATE",
        tonglu_platform="SELECT UPDATE",
    ),
    "agent": _table(
        "The agents as the platform sees them; admission adds one together with its tenant.",
        tonglu_platform="SELECT UPDATE",
        tonglu_job="SELECT",
        tonglu_app="INSERT",
    ),
    "territory": _table(
        "Where agents may work; who is alone where is published to all.",
        tonglu_platform="SELECT INSERT UPDATE",
        tonglu_app="SELECT",
        tonglu_job="SELECT",
    ),
    "agent_tier": _table(
        "Tiers by date. Under row-level security an agent's transaction reaches its own.",
        tonglu_platform="SELECT INSERT",
        tonglu_app="SELECT INSERT",
    ),
    "agent_agreement": _table(
        "What platform and agent have signed. Insert only. Under row-level security an agent's "
        "transaction reaches its own.",
        tonglu_platform="SELECT INSERT",
        tonglu_app="SELECT",
    ),
    "onboarding_step": _table(
        "What has to be done before an agent works: the same for all.",
        tonglu_platform="SELECT INSERT",
        tonglu_app="SELECT",
    ),
    "onboarding_tick": _table(
        "What of it is done. Under row-level security an agent's transaction reaches its own.",
        tonglu_platform="SELECT INSERT DELETE",
        tonglu_app="SELECT",
    ),
    "sharing_contract": _table(
        "What of an agent's the platform may see. Under row-level security an agent's transaction "
        "reaches its own, and accepts.",
        tonglu_platform="SELECT INSERT",
        tonglu_app="SELECT UPDATE",
        tonglu_job="SELECT",
    ),
    "agent_exit": _table(
        "Which agents leave. Under row-level security an agent's transaction reads its own. The "
        "key of the customers' tokens is granted to neither the platform's role nor the worker's.",
        tonglu_platform="SELECT INSERT UPDATE",
        tonglu_app="SELECT",
        tonglu_job="SELECT UPDATE",
    ),
    "exit_item": _table(
        "What becomes of a leaver's things, known to the platform by tokens: which customer is "
        "meant is not granted to it. Under row-level security an agent's transaction reaches its "
        "own.",
        tonglu_platform="SELECT UPDATE",
        tonglu_app="SELECT INSERT UPDATE DELETE",
        tonglu_job="SELECT UPDATE",
    ),
    "registration_terms": _table(
        "How long registrations protect and how many there may be: published to all.",
        tonglu_app="SELECT",
        tonglu_job="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "registry_clock": _table(
        "The one lock of the registry.",
        tonglu_job="SELECT UPDATE",
        tonglu_platform="SELECT UPDATE",
    ),
    "registry_entry": _table(
        "Registrations of all agents, without a word about the customer. No agent's transaction "
        "reaches the registry: a service answers, or the outbox.",
        tonglu_job="SELECT INSERT UPDATE",
        tonglu_platform="SELECT",
    ),
    "registry_key": _table(
        "Keyed hashes of registered customers, whose key is not in the database.",
        tonglu_job="SELECT INSERT",
        tonglu_platform="SELECT",
    ),
    "registry_honeytoken": _table(
        "Keyed hashes of customers that do not exist; asking for one raises an alarm.",
        tonglu_job="SELECT",
        tonglu_platform="SELECT INSERT",
    ),
    "registry_alarm": _table(
        "Which agents asked for customers that do not exist.",
        tonglu_job="SELECT INSERT",
        tonglu_platform="SELECT",
    ),
    "registry_case": _table(
        "Disputes between registrations, and the platform's decision.",
        tonglu_job="SELECT INSERT UPDATE",
        tonglu_platform="SELECT UPDATE",
    ),
    "registry_party": _table(
        "The registrations that a dispute is about.",
        tonglu_job="SELECT INSERT UPDATE",
        tonglu_platform="SELECT UPDATE",
    ),
    "registry_evidence": _table(
        "Kinds and times of what parties have shown.",
        tonglu_job="SELECT INSERT",
        tonglu_platform="SELECT",
    ),
    "registry_wait": _table(
        "How long registrations waited for the platform. Insert only.",
        tonglu_job="SELECT INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "registry_verdict": _table(
        "What the rules saw and said. Insert only.",
        tonglu_job="SELECT INSERT",
        tonglu_platform="SELECT INSERT",
    ),
    "benefit_batch": _table(
        "What agents ask for many customers, and whether the platform approves: no customer. Under "
        "row-level security an agent's transaction reaches its own.",
        tonglu_app="SELECT INSERT UPDATE",
        tonglu_platform="SELECT UPDATE",
    ),
    "benefit_rules": _table(
        "Versions of who may have a program's benefits; agents are bound by them.",
        tonglu_app="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "eligibility_sample": _table(
        "What rules saw of requests, without whose they were; read only to count, from ten on.",
        tonglu_app="INSERT",
        tonglu_job="SELECT",
    ),
    "registry_rules": _table(
        "Versions of the published order.",
        tonglu_job="SELECT",
        tonglu_platform="SELECT INSERT UPDATE",
    ),
    "house_registration": _table(
        "What the platform has registered for itself.",
        tonglu_platform="SELECT INSERT",
    ),
    "platform_contact": _table(
        "With whom the platform has spoken, without saying whom.",
        tonglu_platform="SELECT INSERT",
    ),
    "contact_opt_out": _table(
        "Who is not to be called by any company: keyed hashes of phones, whose key is not in the "
        "database; no line says which company wrote it.",
        tonglu_app="SELECT INSERT DELETE",
    ),
    "lead_form_address": _table(
        "A campaign's form is found by its token's hash before its tenant is known.",
        tonglu_app="SELECT INSERT",
    ),
    "channel_tally": _table(
        "Each agent's own counts, which may be small: only the release reads them.",
        tonglu_job="SELECT INSERT DELETE",
    ),
    "counting_run": _table(
        "The order of the counts, and when the last one was released.",
        tonglu_job="SELECT INSERT UPDATE",
        tonglu_platform="SELECT",
    ),
    "released_cell": _table(
        "Counts that have passed the thresholds.",
        tonglu_job="SELECT INSERT DELETE",
        tonglu_platform="SELECT",
    ),
    "agent_health": _table(
        "How each agent's devices are; nothing of a customer's.",
        tonglu_job="SELECT INSERT UPDATE",
        tonglu_platform="SELECT",
    ),
}
