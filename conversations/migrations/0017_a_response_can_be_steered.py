"""Stopping a turn because more input came has a name of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0016_calls_that_wait_in_the_index"),
    ]

    operations = [
        migrations.AlterField(
            model_name="turn",
            name="cancel_requested",
            field=models.CharField(
                choices=[
                    ("none", "None"),
                    ("cancel", "Cancel"),
                    ("rollback", "Rollback"),
                    ("steer", "Steer"),
                ],
                default="none",
                max_length=10,
            ),
        ),
    ]
