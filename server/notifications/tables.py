"""Tables of notifications, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Text, Timestamptz
from piccolo.table import Table


class Notification(Table, tablename="notification"):
    """One thing that one person is told, once however often it is said."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    user_id = UUID()
    key = Text()
    """What makes it the same as another one of this person."""
    kind = Text()
    subject = Text()
    page = Text()
    """Where it leads, to the one with `subject_id` where there is one."""
    subject_id = UUID(null=True)
    rule = Text(null=True)
    """The rule that had it told, with its version."""
    rule_version = BigInt(null=True)
    told_at = Timestamptz()
    read_at = Timestamptz(null=True)


class NotificationSetting(Table, tablename="notification_setting"):
    """How a person wants to be told outside of the product."""

    tenant_id = UUID()
    user_id = UUID(primary_key=True)
    channels = JSONB()
    quiet_from_minute = BigInt(null=True)
    quiet_until_minute = BigInt(null=True)
    shows_subject = Boolean()


class NotificationDelivery(Table, tablename="notification_delivery"):
    """That a notification has left through a channel."""

    tenant_id = UUID()
    notification_id = UUID()
    channel = Text(primary_key=True)
    reach = Text()
    """Which of the channel's addresses, told by its mark; empty stands for all of them."""
    sent_at = Timestamptz()
