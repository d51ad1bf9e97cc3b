"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.pipeline.tables import (
    Opportunity,
    OpportunityCounted,
    OpportunityMove,
    PipelineMark,
    PipelineTotal,
    Process,
    ProcessDraft,
    TemplateOpening,
)

APP_CONFIG = AppConfig(
    app_name="pipeline",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        Process,
        ProcessDraft,
        Opportunity,
        OpportunityMove,
        TemplateOpening,
        OpportunityCounted,
        PipelineTotal,
        PipelineMark,
    ],
    migration_dependencies=["server.customers.piccolo_app"],
)
