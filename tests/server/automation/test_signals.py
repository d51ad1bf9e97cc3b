"""Systems outside tell of customers over HTTP: signed, once, and naming nobody in clear words."""

from base64 import b64decode
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from server.activities import queries as activities
from server.activities.schemas import TaskFilters
from server.automation.plays import service as plays
from server.automation.plays.rules import Assignee, EventComes, MakeTask, PlayTerms
from server.automation.plays.schemas import NewPlay
from server.automation.signals import queries, rules, service
from server.automation.signals.schemas import NewSignalSource, SignalSourceSaved
from server.customers import service as book
from server.customers.custom import service as custom
from server.customers.custom.schemas import NewField
from server.customers.schemas import NewCustomer
from server.kit import clock
from tests.factories import Tenant, new_id

TERMS = PlayTerms(
    name="沉寂客户登录",
    trigger=EventComes(event="login", silent_days=365),
    action=MakeTask(title="联系沉寂客户", to=Assignee.NEWCOMER, gives_customer=True),
)


def test_a_message_is_signed_as_standard_webhooks_says() -> None:
    """The vector that the specification gives."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    signature = rules.sign(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class Sender:
    """A system outside that has the secret of its source."""

    def __init__(self, http: httpx.AsyncClient, saved: SignalSourceSaved) -> None:
        self._http, self.source = http, saved.source
        self._secret = b64decode(saved.secret.removeprefix(rules.PREFIX))

    async def send(
        self,
        body: dict[str, Any],
        *,
        event_id: str = "evt-1",
        age_s: int = 0,
        forged: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send what happened, as a sender's library would."""
        sent_s = str(clock.to_ms(clock.now()) // 1000 - age_s)
        raw = msgspec.json.encode({"happened_at": "2026-03-02T01:00:00Z", **body})
        signed = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": sent_s,
            "webhook-signature": rules.sign(self._secret, event_id, sent_s, raw),
        }
        path = httpx.URL(self.source.address).path
        return await self._http.post(path, content=raw, headers=signed | (forged or {}))


async def silent_customer(tenant: Tenant, **fields: Any) -> UUID:
    new = NewCustomer(name="老茶庄", **fields)
    return (await book.create(tenant.rep, new, now=clock.now() - timedelta(days=400))).id


async def sender(http: httpx.AsyncClient, tenant: Tenant, field: str | None = None) -> Sender:
    new = NewSignalSource(id=new_id(), name="平台账号系统", account_field=field)
    return Sender(http, await service.open_source(tenant.manager, new, now=clock.now()))


async def tasks(tenant: Tenant, customer_id: UUID) -> int:
    return len((await activities.tasks(tenant.owner, TaskFilters(customer_id=customer_id))).items)


async def test_s13_a_signed_webhook_makes_one_task_before_it_is_answered(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    account = await custom.add(
        tenant.manager,
        NewField(
            subject="customer",
            type="text",
            label_zh="平台账号",
            meaning="平台上的账号",
            is_unique=True,
        ),
        now=clock.now(),
    )
    customer_id = await silent_customer(tenant, custom={account.name: "acc-8823"})
    await plays.publish(tenant.owner, NewPlay(terms=TERMS), now=clock.now())
    outside = await sender(client, tenant, account.name)
    body = {"event": "login", "account": "acc-8823"}

    first = await outside.send(body)
    again = await outside.send(body)
    later = await outside.send(body, event_id="evt-2")

    assert first.json() == {"is_new": True, "fired": 1}
    assert again.json() == {"is_new": False, "fired": 0}
    assert later.json() == {"is_new": True, "fired": 0}
    assert await tasks(tenant, customer_id) == 1
    [held] = await queries.sources(tenant.manager)
    assert held.last_heard_at is not None


async def test_what_nobody_signed_just_now_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, rival: Tenant
) -> None:
    customer_id = await silent_customer(tenant)
    outside, other = await sender(client, tenant), await sender(client, rival)
    body = {"event": "login", "customer_id": str(customer_id)}

    refused = [
        await outside.send(body, forged={"webhook-signature": "v1,AAAA"}),
        await outside.send(body, forged={"webhook-signature": ""}),
        await outside.send(body, forged={"webhook-id": "evt-9"}),
        await outside.send(body, forged={"webhook-timestamp": "soon"}),
        await outside.send(body, age_s=600),
        await outside.send(body, age_s=-600),
    ]
    other.source = outside.source
    refused.append(await other.send(body))

    assert {(each.status_code, each.json()["code"]) for each in refused} == {
        (401, "signature_refused")
    }
    assert (await outside.send(body)).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"event": "login"}, "customer_unnamed"),
        ({"event": "login", "account": "a", "customer_id": str(new_id())}, "customer_unnamed"),
        ({"event": "login", "account": "a"}, "customer_unnamed"),
        ({"event": "login", "customer_id": str(new_id())}, "not_found"),
        ({"event": "Log In", "account": "a"}, "invalid"),
    ],
)
async def test_a_signal_that_names_nobody_says_what_is_wrong(
    client: httpx.AsyncClient, tenant: Tenant, body: dict[str, Any], code: str
) -> None:
    outside = await sender(client, tenant)

    answer = await outside.send(body)

    assert answer.json()["code"] == code
    assert answer.status_code in (404, 422)


async def test_a_closed_source_is_heard_no_more(client: httpx.AsyncClient, tenant: Tenant) -> None:
    outside = await sender(client, tenant)
    body = {"event": "login", "customer_id": str(await silent_customer(tenant))}
    await service.close_source(tenant.manager, outside.source.id, now=clock.now())

    assert (await outside.send(body)).status_code == 404


async def test_customers_are_named_by_a_field_that_names_one(tenant: Tenant) -> None:
    field = await custom.add(
        tenant.manager,
        NewField(subject="customer", type="text", label_zh="别名", meaning="别名"),
        now=clock.now(),
    )

    for wanted in (field.name, "custom_text_nothing", "phone"):
        with pytest.raises(rules.AccountFieldUnfit):
            await service.open_source(
                tenant.manager, NewSignalSource(name="x", account_field=wanted), now=clock.now()
            )
