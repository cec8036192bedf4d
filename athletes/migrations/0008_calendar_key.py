from django.db import migrations, models

import athletes.models


def give_keys(apps, schema_editor):
    """Give each athlete a key of their own; a default would give one to all."""
    found = apps.get_model("athletes", "Athlete").objects.only("pk")
    for athlete in found:
        athlete.calendar_key = athletes.models.new_calendar_key()
    found.bulk_update(found, ["calendar_key"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("athletes", "0007_minors_paused_mails_and_digests"),
    ]

    operations = [
        migrations.AddField(
            model_name="athlete",
            name="calendar_key",
            field=models.CharField(default="", editable=False, max_length=16),
        ),
        migrations.RunPython(give_keys, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="athlete",
            name="calendar_key",
            field=models.CharField(
                default=athletes.models.new_calendar_key, editable=False, max_length=16
            ),
        ),
    ]
