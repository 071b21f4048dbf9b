from django.db import migrations, models

import conversations.ids


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0001_conversations_turns_and_messages"),
    ]

    operations = [
        migrations.AlterField(
            model_name=name,
            name="id",
            field=models.UUIDField(
                default=conversations.ids.new_id,
                editable=False,
                primary_key=True,
                serialize=False,
            ),
        )
        for name in ("conversation", "turn")
    ]
