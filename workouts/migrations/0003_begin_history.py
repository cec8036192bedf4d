"""Give every week and session that is there its first state in the history."""

from itertools import islice

from django.db import migrations
from django.utils import timezone


def begin(apps, schema_editor):
    for name in ("TrainingWeek", "Session"):
        model = apps.get_model("workouts", name)
        kept = apps.get_model("workouts", f"Historical{name}")
        own = {"history_id", "history_date", "history_change_reason", "history_type"}
        own |= {"history_user", "action"}
        fields = [f.attname for f in kept._meta.fields if f.name not in own]
        rows = (
            kept(history_type="+", history_date=timezone.now(), action=None, **row)
            for row in model.objects.values(*fields).iterator(chunk_size=500)
        )
        while batch := list(islice(rows, 500)):
            kept.objects.bulk_create(batch)


class Migration(migrations.Migration):
    dependencies = [("workouts", "0002_surfaces_phases_and_history")]
    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
