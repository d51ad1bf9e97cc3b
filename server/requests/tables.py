"""Tables of requests for help, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class ResourceRequest(Synced, Table, tablename="resource_request"):
    """Help that somebody in the field calls up for a customer or a deal."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    opportunity_id = UUID(null=True)
    resource = Text()
    subject = Text()
    detail = Text(null=True)
    wished_on = Text(null=True)
    briefing = Text(null=True)
    """What the platform is told, should the request go there."""
    state = Text()
    state_since = Timestamptz()
    requested_at = Timestamptz()
    requested_by = UUID()
    party = Text(null=True)
    """Who is to help; null until it was dispatched."""
    helper_id = UUID(null=True)
    """Of the company; null where the platform is to help."""
    dispatch_id = UUID(null=True)
    """The event by which it lies where it does: answers to an earlier one come too late."""
    dispatched_at = Timestamptz(null=True)
    accepted_at = Timestamptz(null=True)
    closed_at = Timestamptz(null=True)
    due_at = Timestamptz(null=True)
    """When the next step should be done, in the company's working time."""
    reason = Text(null=True)
    result = Text(null=True)
    verdict = Text(null=True)


class ResourceRequestEvent(Table, tablename="resource_request_event"):
    """Something was done with a request for help. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Made by who asked, so that asking twice does it once."""
    request_id = UUID()
    seq = BigInt(null=True)
    verb = Text()
    state = Text()
    """Of the request afterwards."""
    party = Text()
    """Of which side who did it is."""
    text = Text(null=True)
    done_by = UUID()
    done_at = Timestamptz()


class PlatformRequest(Table, tablename="platform_request"):
    """What the platform sees of a request that was sent to it: no customer, no name. Global."""

    id = UUID(primary_key=True)
    """That of the dispatch by which it came."""
    agent_id = UUID()
    request_id = UUID()
    resource = Text()
    briefing = Text()
    wished_on = Text(null=True)
    level = Text(null=True)
    """The customer's class."""
    city = Text(null=True)
    """The customer's region."""
    stage = Text(null=True)
    """The platform's name for the deal's stage."""
    state = Text()
    sent_at = Timestamptz()
    accepted_at = Timestamptz(null=True)
    closed_at = Timestamptz(null=True)
    text = Text(null=True)
    """Why it was declined, or what came of it."""
    verdict = Text(null=True)
    """Whether it helped, as the agent says."""
    answer_id = UUID(null=True)
    """The last answer, so that answering twice answers once."""
