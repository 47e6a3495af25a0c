"""A target's name is part of its tools' names to policies: what could not be told apart there cannot be a name."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tools.authorize import shapes_of
from tools.models import Target, Tool
from tools.policy.schema import GROUPS, SEPARATOR, cedar_schema

pytestmark = pytest.mark.django_db
CLASHING = [*GROUPS, f"order{SEPARATOR}desk", SEPARATOR, "shop_", "shop__"]


def target(name: str) -> Target:
    return Target(name=name, kind=Target.Kind.HTTP, base_url="https://shop.example")


@pytest.mark.parametrize("name", CLASHING)
def test_a_name_that_clashes_is_refused_by_the_model_and_by_the_database(name: str) -> None:
    with pytest.raises(ValidationError, match="policies"):
        target(name).clean_fields()
    with pytest.raises(IntegrityError, match="target_name_clashes_with_no_policy"), transaction.atomic():
        target(name).save()
    kept = Target.objects.create(name="kept", kind=Target.Kind.BUILTIN)
    with pytest.raises(IntegrityError, match="target_name_clashes_with_no_policy"), transaction.atomic():
        Target.objects.filter(pk=kept.pk).update(name=name)


@pytest.mark.parametrize("name", ["mcp", "calltool", "CallTools", "order-desk", "order__desk", "_shop"])
def test_any_other_name_makes_a_schema(name: str) -> None:
    made = target(name)
    made.clean_fields()
    made.save()
    schema = cedar_schema(shapes_of([Tool(target=made, name="read", input_schema={"type": "object"})]))
    assert f"{name}___read" in schema["AgentCore"]["actions"]
