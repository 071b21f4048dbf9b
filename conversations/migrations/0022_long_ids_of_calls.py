"""Some providers put what they must be told again into the ids of calls: thousands of characters."""

import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0021_events_of_many_attempts"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="toolcall", name="a_tool_call_is_started_once"),
        migrations.AlterField(
            model_name="toolcall",
            name="tool_call_id",
            field=models.TextField(help_text="The model's; some providers' are very long"),
        ),
        migrations.AddField(
            model_name="toolcall",
            name="digest",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.MD5("tool_call_id"),
                output_field=models.CharField(max_length=32),
            ),
        ),
        migrations.AddConstraint(
            model_name="toolcall",
            constraint=models.UniqueConstraint(
                fields=("turn", "step", "digest"), name="a_tool_call_is_started_once"
            ),
        ),
    ]
