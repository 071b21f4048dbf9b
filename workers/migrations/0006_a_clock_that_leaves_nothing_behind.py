from django.db import migrations

MAKE = "CREATE SEQUENCE workers_looked; CREATE SEQUENCE workers_tidied"
DROP = "DROP SEQUENCE workers_looked; DROP SEQUENCE workers_tidied"


class Migration(migrations.Migration):
    """The table stays: in a rolling restart workers of before still look by it."""

    dependencies = [
        ("workers", "0005_workers_without_a_lock"),
    ]

    operations = [
        migrations.RunSQL(MAKE, DROP),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel(name="SweepClock")]
        ),
    ]
