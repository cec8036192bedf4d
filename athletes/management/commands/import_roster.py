"""Import a squad from CSV files, all of it or nothing."""

import argparse
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug
from django.db import transaction
from django.utils import timezone

from athletes.models import Team, User
from athletes.roster import MAX_BYTES, Report, RosterRefused, import_roster

FIRST_ZONE = timedelta(hours=14)  # the zone that sees a new day first


class Command(BaseCommand):
    help = "Import athletes and best times from a CSV roster, and dated results with them."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("roster", type=Path, metavar="ROSTER.csv")
        parser.add_argument("--team", required=True, metavar="SLUG", help="made if it is missing")
        parser.add_argument("--results", type=Path, metavar="RESULTS.csv")
        parser.add_argument("--coach", metavar="EMAIL", help="an account that is to coach the team")
        parser.add_argument("--dry-run", action="store_true", help="report, and write nothing")

    def handle(
        self,
        *args: Any,
        roster: Path,
        team: str,
        results: Path | None,
        coach: str | None,
        dry_run: bool,
        **options: Any,
    ) -> None:
        check_slug(team)
        roster_bytes = read(roster)
        results_bytes = read(results) if results else None
        user = account(coach) if coach else None
        today = (timezone.now() + FIRST_ZONE).date()
        try:
            with transaction.atomic():
                name = team.replace("-", " ").replace("_", " ").title()
                row, is_new = Team.objects.get_or_create(slug=team, defaults={"name": name})
                report = import_roster(
                    row, roster_bytes, results_bytes, today=today, dry_run=dry_run
                )
                if user:
                    row.take_on(user)
                if dry_run:
                    transaction.set_rollback(True)
        except RosterRefused as refusal:
            for error in refusal.errors:
                self.stderr.write(str(error))
            count = len(refusal.errors)
            raise CommandError(
                f"Nothing was imported: {count} error{'s' * (count != 1)}."
            ) from refusal
        if not row.memberships.exists():
            self.stdout.write("Nobody coaches this team yet: name an account with --coach.")
        self.summarise(report, team=row, is_new=is_new, dry_run=dry_run)

    def summarise(self, report: Report, *, team: Team, is_new: bool, dry_run: bool) -> None:
        for note in report.notes:
            self.stdout.write(note)
        self.stdout.write(f"team: {team.name}{', new' * is_new}")
        if report.groups_new:
            self.stdout.write(f"new groups: {', '.join(report.groups_new)}")
        if dry_run:
            self.stdout.write("This was a dry run: nothing was written. An import would give:")
        self.stdout.write(str(report))


def check_slug(slug: str) -> None:
    """Check the name of a team in addresses.

    :raises CommandError: if it is none
    """
    longest = Team._meta.get_field("slug").max_length or 0
    try:
        validate_slug(slug)
    except ValidationError:
        slug = ""
    if not 0 < len(slug) <= longest:
        raise CommandError(
            f"--team takes letters, digits and hyphens, at most {longest}, as harbour-runners."
        )


def account(email: str) -> User:
    """Return the account of an address.

    :raises CommandError: if there is none
    """
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"There is no account of {email}: sign up on the site first.")
    return user


def read(path: Path) -> bytes:
    """Return what a file holds, up to one byte over the limit of an import.

    :raises CommandError: if it cannot be read
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from error
