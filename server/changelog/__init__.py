"""The one write path for synced records: the tenant's clock, field versions, history, conflicts."""
