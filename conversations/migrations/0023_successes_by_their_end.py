from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0022_long_ids_of_calls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="turn",
            index=models.Index(
                condition=models.Q(("hinted_at__isnull", False), ("state", "completed")),
                fields=["finished"],
                name="turn_succeeded_by_end",
            ),
        ),
    ]
