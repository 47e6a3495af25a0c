from django.db import migrations
from django.utils import timezone

from guardrails.standard import standard_config


def add_standard(apps, schema_editor):
    """Every agent is checked from now on; an installation gets what is standard on the day of this migration."""
    guardrail = apps.get_model("guardrails", "Guardrail").objects.create(
        slug="standard",
        name="Standard",
        description="What every agent is held to that names no other.",
        is_default=True,
    )
    apps.get_model("guardrails", "GuardrailVersion").objects.create(
        guardrail=guardrail, number=1, config=standard_config(), note="As installed", published_at=timezone.now()
    )


class Migration(migrations.Migration):
    dependencies = [("guardrails", "0002_published_versions")]

    operations = [migrations.RunPython(add_standard, migrations.RunPython.noop)]
