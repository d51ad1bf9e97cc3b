"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.customers.bulk.tables import CustomerBulk, CustomerBulkRow
from server.customers.pools.tables import (
    CustomerPool,
    PoolEntry,
    PoolPick,
    PoolView,
    PoolWarning,
)
from server.customers.reveals.tables import PhoneReveal
from server.customers.tables import (
    Contact,
    ContactOptOut,
    Customer,
    CustomerToken,
    CustomField,
    CustomObject,
    CustomRecord,
    Note,
    OptOutWord,
    Store,
    Tag,
    TagUse,
)

APP_CONFIG = AppConfig(
    app_name="customers",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        Customer,
        Store,
        Contact,
        Note,
        Tag,
        TagUse,
        CustomerToken,
        CustomField,
        CustomObject,
        CustomRecord,
        ContactOptOut,
        OptOutWord,
        CustomerPool,
        PoolEntry,
        PoolPick,
        PoolView,
        PoolWarning,
        CustomerBulk,
        CustomerBulkRow,
        PhoneReveal,
    ],
    migration_dependencies=["server.changelog.piccolo_app"],
)
