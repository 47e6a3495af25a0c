"""What is published, switched and opened stands in the audit trail, with who did it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from agents.approval_limits import save_money_limit
from agents.configuration.apply import Options, apply_file
from agents.configure import set_status
from agents.model_changes import add_alias, remove_alias, store_model
from agents.models import Agent, LanguageModel
from agents.retention_words import RetentionForm, current
from agents.versions import draft_version, publish_version, roll_back
from guardrails import versions as guardrails
from guardrails.models import Guardrail
from observability.audit import verify
from observability.models import AuditEntry
from tests.factories import client_of, make_agent
from tools import connecting, policies, policy_modes, tool_changes
from tools.binding import Customer
from tools.credentials import clear_credential, set_credential
from tools.definitions import Definition
from tools.gateways import make_key, revoke_key, save_gateway, switch_gateway
from tools.listing import hold, listing_of
from tools.models import Gateway, MoneyLimit, Target, Tool
from tools.pasting import Pasted, put_pasted

pytestmark = pytest.mark.django_db
SECRET = "s3cret-of-the-shop"


@pytest.fixture
def agent() -> Agent:
    return make_agent("support", name="Support")


def newest() -> AuditEntry:
    assert verify() is None
    return AuditEntry.objects.latest("id")


def test_a_version_of_an_agent(agent: Agent, admin: User) -> None:
    before = agent.live_version
    assert before is not None
    draft = draft_version(agent)
    draft.instructions = "Be brief."
    draft.save()
    publish_version(agent, user=admin, note="Shorter answers")
    entry = newest()
    assert (entry.action, entry.actor_id, entry.subject_name) == ("agent.publish", admin.pk, agent.name)
    assert entry.reason == "Shorter answers"
    assert (entry.before, entry.after) == ({"version": 1}, {"version": 2, "changed": ["instructions"]})
    assert "Be brief" not in str(entry.after)
    roll_back(agent, to=before, user=admin)
    assert (newest().action, newest().after) == ("agent.roll_back", {"version": 1, "changed": ["instructions"]})


def test_pausing_an_agent(agent: Agent, admin: User) -> None:
    assert set_status(agent, Agent.Status.PAUSED, user=admin)
    assert (newest().action, newest().after) == ("agent.status", {"status": "paused"})
    assert not set_status(agent, Agent.Status.PAUSED, user=admin)
    assert AuditEntry.objects.filter(action="agent.status").count() == 1


def test_the_policies_and_their_mode(admin: User) -> None:
    policies.save_rule(name="everybody", written="permit (principal, action, resource);")
    version = policies.publish(user=admin, note="First")
    entry = newest()
    assert (entry.action, entry.subject_name) == ("policy.publish", f"Version {version.number}")
    assert entry.after == {"version": version.number, "rules": 1}
    policy_modes.switch("shadow", user=admin)
    assert (newest().before, newest().after) == ({"mode": "enforce"}, {"mode": "shadow"})


def test_a_guardrail(admin: User) -> None:
    made = guardrails.make_guardrail(name="Strict", config={})
    guardrails.publish(made, user=admin, note="First")
    entry = newest()
    assert (entry.action, entry.subject_name, entry.after) == ("guardrail.publish", "Strict", {"version": 1})
    assert Guardrail.objects.filter(pk=entry.subject_id).exists()


def test_a_credential_without_its_secret(admin: User) -> None:
    target = Target.objects.create(name="shop", kind="http", base_url="https://shop.example")
    set_credential(target, kind="bearer", public={}, secret=SECRET, user=admin)
    assert (newest().action, newest().after) == ("credential.set", {"kind": "bearer"})
    clear_credential(target, admin)
    assert newest().action == "credential.remove"
    assert SECRET not in str(list(AuditEntry.objects.values()))


def test_a_key_without_its_text(admin: User) -> None:
    door = Gateway.objects.create(slug="support", label="Support tools")
    made = make_key(door, name="desk", scopes=["read"], owner=admin)
    assert (newest().action, newest().subject_name) == ("gateway_key.make", "desk")
    assert revoke_key(made.key, user=admin)
    assert not revoke_key(made.key, user=admin)
    assert AuditEntry.objects.filter(action="gateway_key.revoke").count() == 1
    assert made.text not in str(list(AuditEntry.objects.values()))


def test_a_key_for_one_customer_without_their_name(admin: User) -> None:
    door = Gateway.objects.create(slug="support", label="Support tools")
    ada = Customer(id=str(UUID(int=7)), email="ada@example.com", is_verified=True)
    made = make_key(door, name="adas-phone", scopes=["read"], owner=admin, customer=ada)
    revoke_key(made.key, user=admin)
    assert "ada" not in str(list(AuditEntry.objects.values("subject_name", "before", "after", "reason")))


def test_a_target_from_its_connection_to_its_end(admin: User) -> None:
    target = Target(name="shop", kind="http", base_url="https://shop.example")
    connecting.connect(target, admin)
    entry = newest()
    assert (entry.action, entry.actor_id, entry.subject_name) == ("target.connect", admin.pk, "shop")
    assert entry.after == {"kind": "http", "base_url": "https://shop.example", "is_internal": False}
    connecting.change(target, admin, fields={"base_url": "http://10.0.0.7", "is_internal": True})
    assert newest().before == {"base_url": "https://shop.example", "is_internal": False}
    assert newest().after == {"base_url": "http://10.0.0.7", "is_internal": True}
    connecting.switch(target, admin, enabled=False)
    assert (newest().action, newest().after) == ("target.switch", {"enabled": False})
    connecting.switch(Target.objects.get(), admin, enabled=False)
    assert AuditEntry.objects.filter(action="target.switch").count() == 1, "nothing was changed"
    tool_changes.delete_target(target, admin)
    assert (newest().action, newest().subject_id, newest().before) == (
        "target.delete",
        str(AuditEntry.objects.earliest("id").subject_id),
        {"kind": "http", "tools": []},
    )


def test_a_program_without_its_arguments(admin: User) -> None:
    command = ["/opt/shop", f"--token={SECRET}"]
    connecting.connect(Target(name="shop", kind="mcp_stdio", command=command), admin, lists=False)
    assert newest().after is not None
    assert (newest().after or {})["program"] == "/opt/shop"
    assert SECRET not in str(list(AuditEntry.objects.values()))


def test_a_tool_without_the_values_of_its_headers(admin: User) -> None:
    target = Target.objects.create(name="shop", kind="http", base_url="https://shop.example")
    schema = {"type": "object", "properties": {}}
    definition = Definition(name="find", effect="read", description="Finds.", input_schema=schema)
    put_pasted(target, [Pasted(definition=definition, effect="read", method="GET", path="/find")], admin)
    assert (newest().action, (newest().after or {})["created"]) == ("target.paste", ["find"])
    tool = Tool.objects.get(target=target)
    routes = [{"method": "GET", "path": "/found", "headers": {"X-Key": SECRET}}]
    fields = {"routes": routes, "risk": "high", "description": "x" * 3_000}
    tool_changes.save_tool(tool, admin, fields=fields, seen=tool_changes.mark_of(tool, fields))
    entry = newest()
    assert (entry.action, entry.subject_name, (entry.before or {})["risk"]) == ("tool.change", "shop___find", "low")
    assert entry.after == {
        "risk": "high",
        "description": "3,002 characters",
        "routes": [{"method": "GET", "path": "/found", "headers": ["X-Key"]}],
    }
    tool.refresh_from_db()
    count = AuditEntry.objects.count()
    tool_changes.save_tool(tool, admin, fields=fields, seen=tool_changes.mark_of(tool, fields))
    assert AuditEntry.objects.count() == count, "saved as it was"
    tool_changes.switch_tool(tool, admin, enabled=not tool.enabled)
    assert newest().action == "tool.switch"
    tool_changes.delete_tool(tool, admin)
    assert (newest().action, newest().subject_name) == ("tool.delete", "shop___find")
    assert SECRET not in str(list(AuditEntry.objects.values()))


def test_what_a_target_lists_and_an_admin_takes(admin: User) -> None:
    target = Target.objects.create(name="shelf", kind="mcp", base_url="https://shelf.example/mcp")
    schema = {"type": "object"}
    found = [
        Definition(name=name, effect="read", description="Something.", input_schema=schema) for name in ("find", "drop")
    ]
    listing = listing_of(target, found)
    hold(target, listing)
    connecting.choose(target, {"find"}, admin, seen=listing.digest)
    assert newest().action == "target.accept"
    assert newest().after == {"created": ["find"], "updated": [], "disabled": []}


def test_a_gateway(admin: User) -> None:
    door = Gateway(slug="support", label="Support tools")
    save_gateway(door, admin)
    assert (newest().action, (newest().after or {})["slug"]) == ("gateway.make", "support")
    door.tools = ["shop___find"]
    save_gateway(door, admin)
    assert (newest().action, newest().before, newest().after) == (
        "gateway.change",
        {"tools": []},
        {"tools": ["shop___find"]},
    )
    switch_gateway(door, admin, enabled=False)
    assert (newest().action, newest().after) == ("gateway.switch", {"enabled": False})


def test_limits_on_money_and_on_people(admin: User, support: User) -> None:
    ours = client_of(admin)
    ours.post("/approvals/limits/person/", {"user": support.pk, "max_amount": "50"})
    assert (newest().action, newest().subject_id) == ("approver_limit.set", str(support.pk))
    assert (newest().before, newest().after) == ({}, {"max_amount": "50"})
    ours.post("/approvals/limits/person/", {"user": support.pk, "max_amount": ""})
    assert newest().after == {}
    limit = save_money_limit(MoneyLimit(scope="customer", hours=24, max_count=3), admin)
    assert newest().action == "money_limit.add"
    limit.enabled = False
    save_money_limit(limit, admin)
    assert (newest().action, newest().after) == ("money_limit.change", {"enabled": False})


def test_how_long_things_are_kept(admin: User) -> None:
    form = RetentionForm({"conversations": "", "memories": "", "traces": "400"}, instance=current())
    assert form.is_valid()
    form.save_by(admin)
    assert (newest().action, (newest().after or {})["traces"]) == ("retention.change", 400)


def test_a_model_and_its_other_names(admin: User) -> None:
    model = LanguageModel(key="own-1", label="Own", provider="converse", provider_model="own", context_tokens=9000)
    store_model(model, admin)
    assert (newest().action, newest().subject_name) == ("model.add", "own-1")
    model.enabled = False
    store_model(model, admin)
    assert (newest().action, newest().before, newest().after) == ("model.change", {"enabled": True}, {"enabled": False})
    add_alias(model, admin, alias="own", reason="Shorter")
    assert (newest().action, newest().after) == ("model.alias", {"alias": "own"})
    remove_alias(model, admin, alias="own")
    assert newest().before == {"alias": "own"}


def test_a_file_that_is_applied(tmp_path: Path) -> None:
    file = tmp_path / "desk.yaml"
    file.write_text("limits:\n  usage:\n    - {scope: customer, measure: usd, period: day, amount: 0.10}\n")
    apply_file(file, Options(dry_run=True))
    assert not AuditEntry.objects.exists()
    apply_file(file, Options())
    entry = newest()
    assert (entry.action, entry.actor_id, entry.subject_name) == ("configuration.apply", None, "desk.yaml")
    assert entry.after == {"changes": ["+ limit of usd a day for customer: amount 0.1, on"]}
