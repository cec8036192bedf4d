from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workouts", "0005_edits_of_plans_taken_back"),
    ]

    operations = [
        migrations.AddField(
            model_name="action",
            name="form_key",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="action",
            constraint=models.UniqueConstraint(
                condition=models.Q(("form_key", ""), _negated=True),
                fields=("form_key",),
                name="action_once_a_form",
                violation_error_message="This was sent twice, and done once. Look at the week.",
            ),
        ),
    ]
