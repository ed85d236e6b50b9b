from django.db import migrations, models
from django.db.models.functions import Cast, Length


def measure(apps, schema_editor):
    """Give the events that were logged before their sizes."""
    events = apps.get_model("realtime", "Event").objects.using(schema_editor.connection.alias)
    events.update(size=Length(Cast("payload", models.TextField())))


class Migration(migrations.Migration):
    dependencies = [
        ("realtime", "0004_disconnection_created_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="event",
            name="size",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="event",
            name="outline",
            field=models.JSONField(null=True),
        ),
        migrations.RunPython(measure, migrations.RunPython.noop),
    ]
