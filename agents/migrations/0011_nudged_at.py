from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0010_deletion")]

    operations = [
        migrations.AddField(model_name="turn", name="nudged_at", field=models.DateTimeField(null=True)),
    ]
