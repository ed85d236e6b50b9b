from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("projects", "0002_canvas_files"),
    ]

    operations = [
        migrations.AddField(
            model_name="canvas",
            name="image_bytes",
            field=models.PositiveBigIntegerField(default=0, editable=False),
        ),
    ]
