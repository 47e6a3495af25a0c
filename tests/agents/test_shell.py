"""The counts beside Inbox and Queue."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from agents.inbox import COUNT_LIMIT
from agents.models import Escalation, Session
from agents.models.sessions import Channel
from agents.shell import read_waiting, words_for
from tests.factories import client_of, make_agent, make_customer, make_escalation, make_session

PERSON, PAUSED, AGENT = Session.Controller.HUMAN, Session.Controller.PAUSED, Session.Controller.AGENT


def test_it_counts_what_the_lists_show_in_one_query(
    db: None, django_assert_num_queries: Any, support: User, client: Any
) -> None:
    now = timezone.now()
    for controller, waiting_since in ((PERSON, now), (PAUSED, now), (PERSON, None), (AGENT, now)):
        make_session(controller=controller, waiting_since=waiting_since)
    make_escalation(make_session())
    make_escalation(make_session(), status=Escalation.Status.CLAIMED, claimed_at=now)
    with django_assert_num_queries(1):
        assert read_waiting().counts == {"Inbox": 2, "Queue": 1}
    page = client_of(support).get(reverse("agents:agents")).content.decode()
    assert 'data-count="inbox">2</span>' in page
    assert 'data-count="queue">1</span>' in page


def test_a_count_that_nobody_reads_exactly_is_cut_off(db: None) -> None:
    agent, customer, now = make_agent(), make_customer(), timezone.now()
    values = {"agent": agent, "customer": customer, "channel": Channel.CHAT, "controller": PERSON, "waiting_since": now}
    Session.objects.bulk_create(Session(**values) for _ in range(COUNT_LIMIT + 20))
    assert words_for(read_waiting().counts["Inbox"]) == "999+"
    assert words_for(0) == ""
