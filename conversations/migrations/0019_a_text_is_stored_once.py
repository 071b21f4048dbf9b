"""A message's text is in its payload, so a column of its own was a second copy of every word."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0018_conversations_that_nobody_named"),
    ]

    operations = [migrations.RemoveField(model_name="message", name="text")]
