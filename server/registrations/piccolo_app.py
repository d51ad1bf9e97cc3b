"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.registrations.tables import (
    HouseRegistration,
    PlatformContact,
    Registration,
    RegistrationCheck,
    RegistrationEvidence,
    RegistrationTerms,
    RegistryAlarm,
    RegistryCase,
    RegistryClock,
    RegistryEntry,
    RegistryEvidence,
    RegistryHoneytoken,
    RegistryKey,
    RegistryParty,
    RegistryRules,
    RegistryVerdict,
    RegistryWait,
)

APP_CONFIG = AppConfig(
    app_name="registrations",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        *(Registration, RegistrationEvidence, RegistrationCheck, RegistrationTerms),
        *(RegistryClock, RegistryEntry, RegistryKey, RegistryHoneytoken, RegistryAlarm),
        *(RegistryCase, RegistryParty, RegistryEvidence, RegistryVerdict, RegistryRules),
        *(RegistryWait, HouseRegistration, PlatformContact),
    ],
    migration_dependencies=["server.customers.piccolo_app"],
)
