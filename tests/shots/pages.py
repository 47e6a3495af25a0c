"""Every page of the product, in the states that a reader meets it in."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from agents.demo import AGENT_SLUG, PASSWORD
from tests.shots.approvals import approval_pages
from tests.shots.budgets import budget_pages, first_budget_pages
from tests.shots.camera import Shot
from tests.shots.cost import cost_pages, cost_pages_before
from tests.shots.filling import Scene
from tests.shots.gateways import gateway_pages
from tests.shots.guardrails import guardrail_pages
from tests.shots.insights import first_insight_pages, insight_pages
from tests.shots.memory import first_memory_pages, memory_pages
from tests.shots.notices import notice_pages
from tests.shots.overview import overview_pages, overview_pages_before
from tests.shots.targets import target_pages
from tests.shots.violations import first_violation_pages, violation_pages
from tests.shots.workbench import first_workbench_pages, workbench_pages

ADMIN, ANALYST, NOBODY = "admin@demo.example", "analyst@demo.example", ""
ADA, FARID = "ada@example.com", "farid@example.com"
AGENT = f"/agents/{AGENT_SLUG}"
CHAT = f"/chat/{AGENT_SLUG}"


def press(*keys: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(80)

    return act


def open_step(page: Page) -> None:
    page.locator("details.step > summary").last.click()


def click(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.click()


def more_places(page: Page) -> None:
    """The sheet of the phone's bar; a wider window shows all places anyway."""
    opener = page.locator(".rail-rest summary")
    if opener.is_visible():
        opener.click()


def type_nonsense(page: Page) -> None:
    page.get_by_label("Email").fill("support@demo.example")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def confirm_password(page: Page) -> None:
    """Where the page asks for the password again first."""
    if page.get_by_role("heading", name="Confirm that it is you").count():
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_load_state()


def before_the_first_message() -> list[Shot]:
    return [
        Shot(name="sign-in", path="/accounts/login/", who=NOBODY, whole=True),
        Shot(name="sign-in-refused", path="/accounts/login/", who=NOBODY, whole=True, act=type_nonsense),
        Shot(name="home-first", path="/", whole=True),
        Shot(name="inbox-nothing", path="/inbox/?view=open"),
        Shot(name="queue-nothing", path="/queue/"),
        Shot(name="approvals-nothing", path="/queue/?show=open&reason=approval"),
        Shot(name="approvals-snoozed-nothing", path="/queue/?show=snoozed"),
        Shot(name="approvals-history-nothing", path="/approvals/history/"),
        Shot(name="targets-first", path="/targets/", who=ADMIN),
        Shot(name="policies-first", path="/policies/", who=ADMIN, whole=True),
        Shot(name="policy-backtest-nothing", path="/policies/backtest/", who=ADMIN),
        Shot(name="gateways-nothing", path="/gateways/", who=ADMIN),
        Shot(name="live-nothing", path="/live/"),
        Shot(name="traces-nothing", path="/traces/"),
        Shot(name="chat-identity", path=f"{CHAT}/", who=NOBODY, whole=True),
        Shot(name="chat-first", path=f"{CHAT}/", who=ADA),
        *first_memory_pages(),
        *first_workbench_pages(),
        *first_violation_pages(),
        *first_insight_pages(),
        *first_budget_pages(),
        *cost_pages_before(),
        *overview_pages_before(),
    ]


def of_a_busy_desk(scene: Scene) -> list[Shot]:
    return [
        *desk_pages(),
        *conversation_pages(scene),
        *queue_pages(scene),
        *agent_pages(),
        *model_pages(),
        *trace_pages(scene),
        *chat_pages(scene),
        *other_pages(),
        *approval_pages(scene.asked),
        *policy_pages(),
        *gateway_pages(),
        *target_pages(),
        *memory_pages(scene.known()),
        *guardrail_pages(),
        *workbench_pages(),
        *violation_pages(),
        *insight_pages(),
        *notice_pages(),
        *cost_pages(),
        *overview_pages(),
        *(budget_pages(scene.budgeted) if scene.budgeted else ()),
    ]


def desk_pages() -> list[Shot]:
    return [
        Shot(name="home", path="/", whole=True),
        Shot(name="palette", path="/", act=press("Control+k")),
        Shot(name="key-sheet", path="/inbox/", act=press("?")),
        Shot(name="more-places", path="/", act=more_places),
        Shot(name="more-places-here", path="/policies/", who=ADMIN),
        Shot(name="live", path="/live/", who=ADMIN, whole=True),
        Shot(name="stop-everything", path="/live/", who=ADMIN, act=click("#stop-all")),
        Shot(name="inbox", path="/inbox/"),
        Shot(name="inbox-mine", path="/inbox/?view=mine"),
        Shot(name="inbox-agent", path="/inbox/?view=agent"),
        Shot(name="inbox-open", path="/inbox/?view=open", whole=True),
        Shot(name="inbox-closed", path="/inbox/?view=closed"),
        Shot(name="inbox-no-match", path="/inbox/?view=open&q=zebra"),
    ]


def conversation_pages(scene: Scene) -> list[Shot]:
    return [
        Shot(name="conversation", path=f"{scene.conversation('refund')}?view=open"),
        Shot(name="conversation-step-open", path=f"{scene.conversation('refund')}?view=open", act=open_step),
        Shot(name="conversation-person", path=f"{scene.conversation('person')}?view=mine"),
        Shot(name="conversation-waiting", path=scene.conversation("open")),
        Shot(name="conversation-theirs", path=scene.conversation("theirs")),
        Shot(name="conversation-running", path=f"{scene.conversation('running')}?view=agent"),
        Shot(name="conversation-failed", path=scene.conversation("failed")),
        Shot(name="conversation-unknown", path=scene.conversation("unknown"), act=open_step),
        Shot(name="conversation-closed", path=f"{scene.conversation('resolved')}?view=closed"),
        Shot(name="conversation-reader", path=scene.conversation("person"), who=ANALYST),
        Shot(name="conversation-hand-back", path=scene.conversation("person"), act=click('[data-opens="hand-back"]')),
    ]


def queue_pages(scene: Scene) -> list[Shot]:
    return [
        Shot(name="queue", path="/queue/"),
        Shot(name="queue-mine", path="/queue/?show=mine"),
        Shot(name="queue-claimed", path="/queue/?show=claimed"),
        Shot(name="queue-resolved", path="/queue/?show=resolved"),
        Shot(name="queue-today", path="/queue/?show=today"),
        Shot(name="queue-empty-reason", path="/queue/?show=open&reason=usage_limit"),
        Shot(name="escalation-open", path=scene.escalation("open"), whole=True),
        Shot(name="escalation-mine", path=scene.escalation("person"), whole=True),
        Shot(name="escalation-theirs", path=scene.escalation("theirs"), whole=True),
        Shot(name="escalation-unknown", path=scene.escalation("unknown"), whole=True),
        Shot(name="escalation-resolved", path=scene.escalation("resolved"), whole=True),
    ]


def agent_pages() -> list[Shot]:
    return [
        Shot(name="agents", path="/agents/", who=ADMIN),
        Shot(name="agent", path=f"{AGENT}/", who=ADMIN, whole=True),
        Shot(name="agent-reader", path=f"{AGENT}/", whole=True),
        Shot(name="agent-never-published", path="/agents/returns/", who=ADMIN),
        Shot(name="agent-discard", path=f"{AGENT}/", who=ADMIN, act=click('[data-opens="discard"]')),
        Shot(name="agent-changes", path=f"{AGENT}/changes/", who=ADMIN, whole=True),
        Shot(name="agent-pause", path=f"{AGENT}/pause/", who=ADMIN),
        Shot(name="agent-new", path="/agents/new/", who=ADMIN),
        Shot(name="versions", path=f"{AGENT}/versions/", who=ADMIN),
        Shot(name="version", path=f"{AGENT}/versions/2/", who=ADMIN, whole=True),
        Shot(name="version-compare", path=f"{AGENT}/versions/compare/?from=1&to=3", who=ADMIN, whole=True),
        Shot(name="version-roll-back", path=f"{AGENT}/versions/2/roll-back/", who=ADMIN, whole=True),
    ]


def model_pages() -> list[Shot]:
    return [
        Shot(name="models", path="/models/", who=ADMIN, whole=True),
        Shot(name="models-reader", path="/models/", whole=True),
        Shot(name="model", path="/models/", who=ADMIN, whole=True, act=click("main td a")),
        Shot(name="model-new", path="/models/new/", who=ADMIN, whole=True),
        Shot(name="limits", path="/limits/", who=ADMIN, whole=True),
        Shot(name="limits-reader", path="/limits/", whole=True),
    ]


def trace_pages(scene: Scene) -> list[Shot]:
    return [
        Shot(name="traces", path="/traces/"),
        Shot(name="traces-cost", path="/traces/?sort=cost"),
        Shot(name="traces-errors", path="/traces/?status=error"),
        Shot(name="traces-no-match", path="/traces/?customer=nobody"),
        Shot(name="trace", path=scene.trace("refund")),
        Shot(name="trace-step", path=scene.trace("refund"), act=click(".waterfall a.span-row >> nth=2")),
        Shot(name="trace-log", path=f"{scene.trace('refund')}?view=log", whole=True),
        Shot(name="trace-error", path=scene.trace("failed")),
        Shot(name="trace-tool-failed", path=scene.trace("tool_failed"), whole=True),
        Shot(name="trace-running", path=scene.trace("running")),
    ]


def chat_pages(scene: Scene) -> list[Shot]:
    return [
        Shot(name="chat", path=scene.chat("refund"), who=ADA),
        Shot(name="chat-writing", path=scene.chat("running"), who=ADA),
        Shot(name="chat-person", path=scene.chat("mine"), who=FARID),
        Shot(name="chat-closed", path=scene.chat("chat_closed"), who=ADA),
        Shot(name="chat-list", path=f"{CHAT}/conversations/", who=ADA),
        Shot(name="chat-menu", path=scene.chat("refund"), who=ADA, act=click(".public-head details.menu > summary")),
    ]


def other_pages() -> list[Shot]:
    return [
        Shot(name="styleguide", path="/styleguide/", who=ADMIN, whole=True),
        Shot(name="error-403", path="/agents/new/"),
        Shot(name="error-403-gateways", path="/gateways/", who=ANALYST),
        Shot(name="error-404", path="/nothing/"),
        Shot(name="error-500", path="/broken/"),
        Shot(name="account-menu", path="/inbox/", act=click(".topbar-tools details.menu > summary")),
        Shot(name="account-password", path="/accounts/password/change/"),
        Shot(name="account-email", path="/accounts/email/"),
        Shot(name="account-two-factor", path="/accounts/2fa/"),
        Shot(name="account-two-factor-new", path="/accounts/2fa/totp/activate/", whole=True, act=confirm_password),
        Shot(name="account-devices", path="/accounts/sessions/"),
        Shot(name="account-reset", path="/accounts/password/reset/", who=NOBODY),
        Shot(name="account-sign-out", path="/accounts/logout/"),
    ]


def of_the_readme(scene: Scene) -> list[tuple[Shot, str]]:
    """Pictures of docs/images, each with its theme."""
    conversation = Shot(name="conversation", path=f"{scene.conversation('refund')}?view=open")
    return [(conversation, "light"), (Shot(name="queue", path="/queue/"), "dark")]


def policy_pages() -> list[Shot]:
    """The demo's policies, and what `tests.shots.policies` made of them."""
    call = "tool=shop___process_refund&do=try&caller=support&channel=chat&verified=on"
    call += "&a.order_id=1042&a.reason=Broken&f.amount=120"
    return [
        Shot(name="policies", path="/policies/", who=ADMIN, whole=True),
        Shot(name="policies-reader", path="/policies/", who=ANALYST, whole=True),
        Shot(name="policies-mode", path="/policies/", who=ADMIN, act=click('[data-opens="mode-shadow"]')),
        Shot(name="policy-draft", path="/policies/draft/", who=ADMIN, whole=True),
        Shot(name="policy-rule-form", path="/policies/draft/rules/small-refunds/?as=form", who=ADMIN, whole=True),
        Shot(name="policy-rule-text", path="/policies/draft/rules/larger-refunds/?as=text", who=ADMIN, whole=True),
        Shot(name="policy-rule-new", path="/policies/draft/new/", who=ADMIN, whole=True),
        Shot(name="policy-versions", path="/policies/versions/", who=ADMIN),
        Shot(name="policy-version", path="/policies/versions/1/", who=ADMIN, whole=True),
        Shot(name="policy-try", path=f"/policies/try/?{call}", who=ADMIN, whole=True),
        Shot(name="policy-backtest", path="/policies/backtest/?days=7", who=ADMIN, whole=True),
        Shot(name="policy-matrix", path="/policies/matrix/", who=ADMIN),
    ]
