"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.leads.tables import (
    Campaign,
    Lead,
    LeadCall,
    LeadCost,
    LeadCount,
    LeadEvent,
    LeadForm,
    LeadFormAddress,
    LeadRules,
    LeadSource,
    LeadTerms,
    LeadTerritory,
    LeadToken,
    RawLead,
)

APP_CONFIG = AppConfig(
    app_name="leads",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        LeadSource,
        Campaign,
        Lead,
        RawLead,
        LeadCount,
        LeadToken,
        LeadEvent,
        LeadRules,
        LeadTerms,
        LeadTerritory,
        LeadCost,
        LeadCall,
        LeadForm,
        LeadFormAddress,
    ],
    migration_dependencies=["server.customers.piccolo_app"],
)
