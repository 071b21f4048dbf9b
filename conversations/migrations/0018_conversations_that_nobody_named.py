"""Whether a conversation was only made for a request is known of it, not of its last turn."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0017_a_response_can_be_steered"),
    ]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="named",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="If not, a request made it for its response, and it goes with the last one",
            ),
        ),
    ]
