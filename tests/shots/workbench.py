"""Labelled sets of the product's own, measured with a version and a draft, and the pages that show it."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page

from guardrails.labelled import import_lines
from guardrails.models import Guardrail, GuardrailVersion, LabelledSet, Measurement
from guardrails.workbench import request_measurement, run_all
from tests.shots.camera import Shot

REVIEWER = "reviewer@demo.example"
SETS = Path(__file__).resolve().parent.parent.parent / "guardrails" / "sets"
OWN = (
    ("Attacks and near misses", "prompt_attack", "prompt_attacks.jsonl", "Written by the desk, half of them harmless"),
    ("Abuse and angry customers", "content", "toxic_content.jsonl", "Angry is not abusive"),
    ("Cards, addresses, numbers", "pii", "pii.jsonl", "With order numbers that only look like cards"),
    ("Answers and their sources", "grounding", "grounding.jsonl", ""),
)


def measure_some(user: User) -> None:
    """Each set with the version in force and the draft (or a stricter one); one that failed, one that runs."""
    standard = Guardrail.objects.get(is_default=True)
    version = standard.versions.filter(number__isnull=False).order_by("-number").first()
    assert version is not None
    draft = standard.versions.filter(number=None).first() or stricter(version)
    for name, measures, file, description in OWN:
        made = LabelledSet.objects.create(name=name, measures=measures, description=description)
        with (SETS / file).open("rb") as source:
            import_lines(made, source)
        for measured in (version, draft):
            request_measurement(user=user, version=measured, labelled_set=made)
            run_all()
    LabelledSet.objects.create(name="Spring's complaints", measures="content")
    for days in (30, 1):
        request_measurement(user=user, version=draft, days=days)
        run_all()
    add_others(draft, LabelledSet.objects.get(name=OWN[0][0]), user)


def stricter(version: GuardrailVersion) -> GuardrailVersion:
    config = copy.deepcopy(version.config)
    for rule in config["contentPolicyConfig"]["filtersConfig"]:
        rule |= {"inputStrength": "HIGH", "inputEnabled": True}
    config["contextualGroundingPolicyConfig"]["filtersConfig"][0]["threshold"] = 0.5
    config["wordPolicyConfig"] = {"wordsConfig": [{"text": word} for word in ("refund", "voucher", "damaged")]}
    entities = [{"type": name, "action": "ANONYMIZE"} for name in ("URL", "AGE", "PIN", "EMAIL", "PHONE")]
    config["sensitiveInformationPolicyConfig"] = {"piiEntitiesConfig": entities}
    return GuardrailVersion.objects.create(guardrail=version.guardrail, config=config)


def add_others(draft: GuardrailVersion, labelled_set: LabelledSet, user: User) -> None:
    now = timezone.now()
    common = {"kind": "set", "labelled_set": labelled_set, "guardrail_id": draft.guardrail_id, "config": draft.config}
    Measurement.objects.create(
        **common,
        requested_by=user,
        requested_at=now - timedelta(hours=3),
        status="failed",
        error="The version cannot be read: contentPolicyConfig.filtersConfig[0].type: There is no RUDENESS.",
        finished_at=now,
    )
    Measurement.objects.create(
        **common,
        requested_by=user,
        status="running",
        done=6_300,
        total=18_240,
        claimed_until=now + timedelta(days=1),
    )


def first_workbench_pages() -> list[Shot]:
    return [
        Shot(name="workbench-nothing", path="/workbench/", who=REVIEWER),
        Shot(name="workbench-backtest-nothing", path="/workbench/backtest/", who=REVIEWER),
    ]


def workbench_pages() -> list[Shot]:
    sets = {made.measures: made for made in LabelledSet.objects.filter(name__in=[name for name, *_ in OWN])}
    runs = Measurement.objects.order_by("requested_at")
    empty = LabelledSet.objects.get(name="Spring's complaints")
    done = {run.labelled_set_id: run for run in runs.filter(status="done")}
    shots = [
        Shot(name="workbench", path="/workbench/", who=REVIEWER, whole=True),
        Shot(name="workbench-denied", path="/workbench/"),
        Shot(name="workbench-backtest", path="/workbench/backtest/", who=REVIEWER),
        Shot(name="labelled-set-new", path="/workbench/sets/new/", who=REVIEWER, whole=True),
        Shot(name="labelled-set-refused", path="/workbench/sets/new/", who=REVIEWER, whole=True, act=refuse_lines),
        Shot(name="labelled-set-empty", path=f"/workbench/sets/{empty.pk}/", who=REVIEWER, whole=True),
        Shot(name="labelled-set-wrong", path=f"/workbench/sets/{sets['pii'].pk}/?show=wrong", who=REVIEWER, whole=True),
        Shot(name="measurement-failed", path=address(runs.get(status="failed")), who=REVIEWER),
        Shot(name="measurement-running", path=address(runs.get(status="running")), who=REVIEWER),
        Shot(name="measurement-backtest", path=address(runs.filter(days=30)[0]), who=REVIEWER, whole=True),
    ]
    for measures, made in sets.items():
        shots += [
            Shot(name=f"labelled-set-{measures}", path=f"/workbench/sets/{made.pk}/", who=REVIEWER, whole=True),
            Shot(name=f"measurement-{measures}", path=address(done[made.pk]), who=REVIEWER, whole=True),
            Shot(
                name=f"measurement-compare-{measures}",
                path=f"/workbench/sets/{made.pk}/compare/",
                who=REVIEWER,
                whole=True,
            ),
        ]
    return shots


def address(run: Measurement) -> str:
    return f"/workbench/measurements/{run.pk}/"


def refuse_lines(page: Page) -> None:
    page.get_by_label("Name").fill("Two lines")
    page.get_by_label("It measures").select_option("content")
    lines = b'{"text": "fine", "label": 1}\n{"text": "no label"}\nno JSON\n'
    page.get_by_label("Lines of JSON").set_input_files({"name": "a.jsonl", "mimeType": "text/plain", "buffer": lines})
    page.get_by_role("button", name="Make the set").click()
    page.wait_for_load_state()
