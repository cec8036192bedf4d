"""Who changed a plan's week, what an undo of brought edits needs, and the race priority asked for."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

NOTES = {
    "A race: what the plan is for.": "A",
    "B race: race it, without resting much for it.": "B",
    "C race: run it as a hard session.": "C",
}


def note_priorities(apps, schema_editor):
    """Say of each planned session which priority it was planned with: its note tells."""
    links = apps.get_model("workouts", "EnrolmentSession").objects
    # What was refused or taken out since has no note: the plan's own session tells.
    asked = dict(links.values_list("pk", "season_session__priority"))
    notes = dict(apps.get_model("workouts", "Session").objects.values_list("pk", "note"))
    rows = []
    for link in links.iterator(chunk_size=500):
        told = NOTES.get(notes.get(link.session_id, ""), "")
        link.wanted["priority"] = told if link.session_id in notes else asked[link.pk] or ""
        rows.append(link)
    links.bulk_update(rows, ["wanted"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("workouts", "0004_plans_of_several_weeks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="seasonweek",
            name="changed_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="PlanEdit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("brought_at", models.DateTimeField()),
                ("links", models.JSONField(default=dict)),
                ("runs", models.JSONField(default=dict)),
                (
                    "action",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="plan_edit",
                        to="workouts.action",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="edits",
                        to="workouts.seasonplan",
                    ),
                ),
            ],
        ),
        migrations.RunPython(note_priorities, migrations.RunPython.noop, elidable=True),
    ]
