"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.partners.tables import (
    Agent,
    AgentAgreement,
    AgentExit,
    AgentTier,
    OnboardingStep,
    OnboardingTick,
    SharingContract,
    Territory,
)

APP_CONFIG = AppConfig(
    app_name="partners",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        Agent,
        AgentAgreement,
        AgentExit,
        AgentTier,
        OnboardingStep,
        OnboardingTick,
        SharingContract,
        Territory,
    ],
    migration_dependencies=[],
)
