from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("realtime", "0006_task_clock"),
    ]

    operations = [
        migrations.AddField(
            model_name="taskstate",
            name="subject",
            field=models.CharField(blank=True, max_length=200, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="taskstate",
            name="queue",
            field=models.CharField(blank=True, max_length=200, default=""),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="taskstate",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("running", "Running"),
                    ("replaced", "Replaced"),
                    ("completed", "Completed"),
                    ("failed", "Failed"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
    ]
