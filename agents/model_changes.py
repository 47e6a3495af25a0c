"""What an admin does to the models: add one, change one, keep a former name alive."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from agents.model_directory import directory
from agents.models import LanguageModel, ModelAlias


class NameTaken(Exception):
    """The name stands for something already; the message says for what."""


def store_model(model: LanguageModel) -> LanguageModel:
    """Insert or update a whole row. Its key stays as it was made: agents, prices and records go by it."""
    model.save()
    directory.forget()
    return model


def add_alias(model: LanguageModel, *, alias: str, reason: str) -> ModelAlias:
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
    except IntegrityError as error:
        raise NameTaken(f"{alias} has just been given to another model.") from error
    directory.forget()
    return made


def remove_alias(model: LanguageModel, *, alias: str) -> bool:
    """False where it was no name of this model."""
    removed, _ = ModelAlias.objects.filter(alias=alias, model=model).delete()
    directory.forget()
    return bool(removed)
