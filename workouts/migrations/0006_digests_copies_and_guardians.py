import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("athletes", "0007_minors_paused_mails_and_digests"),
        ("workouts", "0006_forms_sent_once"),
    ]

    operations = [
        migrations.CreateModel(
            name="Digest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="digests",
                        to="athletes.membership",
                    ),
                ),
                ("on", models.DateField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("DUE", "Waiting"),
                            ("CLAIMED", "Being prepared"),
                            ("TRANSMITTING", "On the wire"),
                            ("SENT", "Sent"),
                            ("UNCLEAR", "Unclear"),
                            ("FAILED", "Failed"),
                            ("EMPTY", "Nothing to say"),
                        ],
                        default="DUE",
                        max_length=12,
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("message_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("lease_token", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("told_until", models.DateTimeField(null=True)),
                ("last_error", models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="SentMail",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="sent_mail",
                        serialize=False,
                        to="workouts.delivery",
                    ),
                ),
                ("packed", models.BinaryField()),
            ],
        ),
        migrations.AddField(
            model_name="delivery",
            name="first_sent_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("last_error", "no guardian's address"), ("state", "SKIPPED")),
                fields=["not_after"],
                name="delivery_without_guardian",
            ),
        ),
        migrations.AddIndex(
            model_name="digest",
            index=models.Index(
                condition=models.Q(("state__in", ["DUE", "CLAIMED", "TRANSMITTING"])),
                fields=["due_at"],
                name="digest_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="digest",
            constraint=models.UniqueConstraint(
                fields=("membership", "on"), name="digest_one_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="digest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        ["DUE", "CLAIMED", "TRANSMITTING", "SENT", "UNCLEAR", "FAILED", "EMPTY"],
                    )
                ),
                name="digest_state_is_known",
            ),
        ),
    ]
