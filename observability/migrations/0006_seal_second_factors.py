from django.db import migrations

from observability.vault import is_sealed_text, open_sealed_text, seal_text

CONTEXT = "mfa_authenticator"
SECRETS = ("secret", "seed")  # of an authenticator app, and of recovery codes
CODES = "migrated_codes"


def change_secrets(apps, change):
    """allauth's table, in clear until now. The vault makes its key with the first secret: none is made for no row."""
    rows = apps.get_model("mfa", "Authenticator").objects
    for row in rows.filter(type__in=["totp", "recovery_codes"]):
        changed = {name: change(row.data[name]) for name in SECRETS if name in row.data}
        if row.data.get(CODES):
            changed[CODES] = [change(code) for code in row.data[CODES]]
        rows.filter(pk=row.pk).update(data={**row.data, **changed})


def seal_secrets(apps, schema_editor):
    change_secrets(apps, lambda text: text if is_sealed_text(text) else seal_text(text, CONTEXT))


def open_secrets(apps, schema_editor):
    change_secrets(apps, lambda text: open_sealed_text(text, CONTEXT) if is_sealed_text(text) else text)


class Migration(migrations.Migration):
    dependencies = [("mfa", "0003_authenticator_type_uniq"), ("observability", "0005_prices_of_more_models")]

    operations = [migrations.RunPython(seal_secrets, open_secrets)]
