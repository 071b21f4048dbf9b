from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0023_successes_by_their_end"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="turn",
            index=models.Index(
                condition=models.Q(("finished__isnull", False), ("hinted_at__isnull", False)),
                fields=["state", "finished"],
                name="turn_ended_by_state",
            ),
        ),
        migrations.RemoveIndex(
            model_name="turn",
            name="turn_succeeded_by_end",
        ),
    ]
