"""What Piccolo asks for: this room's tables and migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from server.sales.tables import Price, PriceBook, Product, Quote, QuoteEvent

APP_CONFIG = AppConfig(
    app_name="sales",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Product, PriceBook, Price, Quote, QuoteEvent],
    migration_dependencies=["server.pipeline.piccolo_app"],
)
