from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("realtime", "0003_event_before_and_disconnections")]

    operations = [
        migrations.AlterField(
            model_name="disconnection",
            name="created_at",
            field=models.DateTimeField(db_index=True),
        ),
    ]
