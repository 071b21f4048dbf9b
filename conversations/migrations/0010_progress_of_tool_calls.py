"""How far a tool call has come, as it told last."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0009_failures_by_their_code")]

    operations = [
        migrations.AddField(
            model_name="toolcall",
            name="progress",
            field=models.JSONField(help_text="How far it had come, as it told last", null=True),
        ),
    ]
