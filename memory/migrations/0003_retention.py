"""How long what is kept, as it is until somebody says otherwise, and the indexes that the nightly deletion reads."""

from django.db import migrations, models


def add_row(apps, schema_editor):
    apps.get_model("memory", "Retention").objects.get_or_create(id=1)


class Migration(migrations.Migration):
    dependencies = [("memory", "0002_reach_and_recall")]

    operations = [
        migrations.RunPython(add_row, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="memory",
            index=models.Index(
                fields=["updated_at"], name="memory_last_said", condition=models.Q(("is_pinned", False))
            ),
        ),
        migrations.AddIndex(
            model_name="memory",
            index=models.Index(
                fields=["superseded_by"],
                name="memory_superseded_by",
                condition=models.Q(("superseded_by__isnull", False)),
            ),
        ),
    ]
