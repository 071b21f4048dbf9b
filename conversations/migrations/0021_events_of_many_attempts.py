"""An attempt may begin at its number times 2^20, and one that is handed back comes again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0020_forks_by_their_parent"),
    ]

    operations = [
        migrations.AlterField(
            model_name="turn",
            name="last_event",
            field=models.PositiveBigIntegerField(help_text="Number of its final event", null=True),
        ),
    ]
