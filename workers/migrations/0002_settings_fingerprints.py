from django.db import migrations, models

import workers.models


class Migration(migrations.Migration):
    dependencies = [
        ("workers", "0001_worker_process"),
    ]

    operations = [
        migrations.AddField(
            model_name="workerprocess",
            name="fingerprints",
            field=models.JSONField(default=workers.models.own_fingerprints, null=True),
        ),
    ]
