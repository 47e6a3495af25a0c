"""What an admin does to the models: add one, change one, keep a former name alive."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.forms.models import model_to_dict

from agents.model_directory import directory
from agents.models import LanguageModel, ModelAlias
from observability.audit import record_changes

Facts = dict[str, Any]


class NameTaken(Exception):
    """The name stands for something already; the message says for what."""


def store_model(model: LanguageModel, user: User) -> LanguageModel:
    """Insert or update a whole row. Its key stays as it was made: agents, prices and records go by it."""
    with transaction.atomic():
        standing = LanguageModel.objects.select_for_update().filter(pk=model.pk).first()
        model.save()
        before, after = model_to_dict(standing) if standing else {}, model_to_dict(model)
        tell(user, "model.change" if standing else "model.add", model, before=before, after=after)
    directory.forget()
    return model


def tell(user: User, action: str, model: LanguageModel, *, before: Facts, after: Facts) -> None:
    record_changes(user, action, kind="model", id=model.pk, name=model.key, before=before, after=after)


def add_alias(model: LanguageModel, user: User, *, alias: str, reason: str) -> ModelAlias:
    """Let another name lead to `model`. Raises `NameTaken`.

    The key of another model may be given: it is followed from the day on which that model takes no more calls.
    """
    if alias == model.key:
        raise NameTaken("That is this model's own name.")
    standing = ModelAlias.objects.filter(alias=alias).select_related("model").first()
    if standing is not None:
        raise NameTaken(f"{alias} stands for {standing.model.label} already.")
    try:
        with transaction.atomic():
            made = ModelAlias.objects.create(alias=alias, model=model, reason=reason)
            tell(user, "model.alias", model, before={}, after={"alias": alias})
    except IntegrityError as error:
        raise NameTaken(f"{alias} has just been given to another model.") from error
    directory.forget()
    return made


def remove_alias(model: LanguageModel, user: User, *, alias: str) -> bool:
    """False where it was no name of this model."""
    with transaction.atomic():
        removed, _ = ModelAlias.objects.filter(alias=alias, model=model).delete()
        if removed:
            tell(user, "model.alias", model, before={"alias": alias}, after={})
    directory.forget()
    return bool(removed)
