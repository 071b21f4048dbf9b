from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0003_indexes_for_the_admin"),
    ]

    operations = [
        migrations.AddField(
            model_name="turn",
            name="process",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Host, pid and start of the process of the last claim",
                max_length=400,
            ),
            preserve_default=False,
        ),
    ]
