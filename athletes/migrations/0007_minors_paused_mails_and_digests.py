import django.db.models.functions.text
from django.db import migrations, models

import athletes.models


class Migration(migrations.Migration):
    dependencies = [
        ("athletes", "0006_mail_that_is_not_wanted"),
    ]

    operations = [
        migrations.AddField(
            model_name="athlete",
            name="guardian_email",
            field=models.EmailField(blank=True, max_length=254, verbose_name="guardian's address"),
        ),
        migrations.AddField(
            model_name="athlete",
            name="is_minor",
            field=models.BooleanField(default=False, verbose_name="is a minor"),
        ),
        migrations.AddField(
            model_name="membership",
            name="digest_at",
            field=models.TimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="team",
            name="mails_paused_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="time_zone",
            field=models.CharField(
                default="UTC", max_length=40, validators=[athletes.models.validate_time_zone]
            ),
        ),
        migrations.AddConstraint(
            model_name="athlete",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("guardian_email", ""),
                    models.Q(
                        ("guardian_email", django.db.models.functions.text.Lower("email")),
                        _negated=True,
                    ),
                    _connector="OR",
                ),
                name="athlete_guardian_is_another",
                violation_error_message="This is the athlete's own address.",
            ),
        ),
    ]
