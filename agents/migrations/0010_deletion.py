"""The indexes that the deletion of old conversations reads."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0009_memory_settings")]

    operations = [
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                fields=["closed_at", "id"], name="session_closed", condition=models.Q(("closed_at__isnull", False))
            ),
        ),
        migrations.AddIndex(
            model_name="escalation",
            index=models.Index(fields=["turn"], name="escalation_of_turn", condition=models.Q(("turn__isnull", False))),
        ),
    ]
