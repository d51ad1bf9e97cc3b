"""What Piccolo looks for: the engine, and every room that has tables."""

from piccolo.conf.apps import AppRegistry

from server.kit.db import ENGINE

DB = ENGINE

APP_REGISTRY = AppRegistry(
    apps=[
        "server.kit.piccolo_app",
        "server.audit.piccolo_app",
        "server.tenants.piccolo_app",
        "server.identity.piccolo_app",
        "server.notifications.piccolo_app",
        "server.partners.piccolo_app",
        "server.changelog.piccolo_app",
        "server.attachments.piccolo_app",
        "server.customers.piccolo_app",
        "server.imports.piccolo_app",
        "server.activities.piccolo_app",
        "server.automation.piccolo_app",
        "server.leads.piccolo_app",
        "server.pipeline.piccolo_app",
        "server.views.piccolo_app",
        "server.sales.piccolo_app",
        "server.contracts.piccolo_app",
        "server.registrations.piccolo_app",
        "server.cases.piccolo_app",
        "server.requests.piccolo_app",
        "server.agenda.piccolo_app",
        "server.quality.piccolo_app",
        "server.sync.piccolo_app",
        "billing.ledger.piccolo_app",
        "billing.periods.piccolo_app",
        "billing.exchange.piccolo_app",
        "billing.sealing.piccolo_app",
        "billing.budgets.piccolo_app",
        "billing.issuance.piccolo_app",
        "billing.redemptions.piccolo_app",
        "billing.escrow.piccolo_app",
        "billing.reconciliation.piccolo_app",
        "billing.commissions.piccolo_app",
        "billing.statements.piccolo_app",
        "billing.accounting_vouchers.piccolo_app",
        "billing.plans.piccolo_app",
        "billing.metering.piccolo_app",
        "billing.invoices.piccolo_app",
        "server.benefits.piccolo_app",
        "server.exits.piccolo_app",
        "server.channel.piccolo_app",
        "server.reconciliation.piccolo_app",
        "server.commissions.piccolo_app",
    ]
)
"""In the order in which migrations run."""
