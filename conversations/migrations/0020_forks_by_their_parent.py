"""Each message moves its conversation's row, so every index of it costs; few rows are forks."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0019_a_text_is_stored_once"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("parent__isnull", False)),
                fields=["parent"],
                name="conversation_forks",
            ),
        ),
        migrations.AlterField(
            model_name="conversation",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="conversations.conversation",
            ),
        ),
    ]
