from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0006_keys_and_parameters_of_requests")]

    operations = [
        migrations.AlterField(
            model_name="message",
            name="payload",
            field=models.JSONField(help_text="None: its store keeps it elsewhere", null=True),
        ),
    ]
