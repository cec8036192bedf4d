"""The plan of the house, kept: who may import whom, who reads the clock, who speaks SMTP."""

import ast
import hashlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each module of ours, and the modules of ours that it may import; docs/architecture.md draws it.
PURE = {
    "athletes.measures": set(),
    "athletes.paces": {"athletes.measures"},
    "athletes.bests": set(),
    "athletes.predictions": {"athletes.bests", "athletes.measures", "athletes.paces"},
    "athletes.agegrade": {"athletes.measures"},
    "athletes.charts": {"athletes.measures", "athletes.paces", "athletes.predictions"},
    "athletes.physiology": {"athletes.measures"},
    "workouts.load": set(),
    "workouts.library": set(),
    "workouts.notation": {"athletes.measures"},
    "workouts.track": set(),
    "workouts.prose": {"athletes.measures", "workouts.notation"},
    "workouts.prescriptions": {
        "athletes.measures",
        "athletes.paces",
        "athletes.predictions",
        "workouts.notation",
        "workouts.prose",
        "workouts.track",
    },
    "workouts.spacing": set(),
    "workouts.revisions": {"athletes.measures"},
    "workouts.ready_plans": {"workouts.library"},
    "workouts.bounces": set(),
}
ATHLETES = {"athletes.measures", "athletes.paces", "athletes.predictions", "athletes.models"}
WORKOUTS = {"athletes.models", "workouts.models", "workouts.prescriptions"}
MAY_IMPORT = PURE | {
    "athletes.models": ATHLETES,
    "athletes.roster": ATHLETES | {"athletes.roster"},
    "athletes.accounts": {"athletes.models"},
    "athletes.records": {"athletes.agegrade", "athletes.models", "athletes.predictions"},
    "athletes.forms": ATHLETES,
    "athletes.admin": {"athletes.models"},
    "athletes.requests": {"athletes.models"},
    "athletes.views": {
        "athletes.accounts",
        "athletes.charts",
        "athletes.records",
        "athletes.forms",
        "athletes.models",
        "athletes.requests",
        "athletes.roster",
    },
    "athletes.urls": {"athletes.views"},
    "athletes.templatetags": {"athletes.measures", "athletes.predictions"},
    "athletes.management": ATHLETES | {"athletes.roster"},
    "workouts.constraints": set(),
    "workouts.smtp": set(),
    "workouts.recordings": set(),  # fitdecode reads the file
    "workouts.mail_links": set(),  # Django signs
    "workouts.models": WORKOUTS
    | {
        "workouts.constraints",
        "workouts.spacing",
        "workouts.library",
        "workouts.notation",
        "workouts.ready_plans",
        "athletes.predictions",
    },
    "workouts.diary": WORKOUTS | {"workouts.notation", "workouts.spacing", "workouts.track"},
    "workouts.changes": {"athletes.models", "workouts.models"},
    "workouts.board_forms": WORKOUTS | {"workouts.diary", "workouts.forms"},
    "workouts.undoing": {"athletes.models", "workouts.models"},
    "workouts.planning": WORKOUTS
    | {
        "workouts.constraints",
        "workouts.diary",
        "workouts.notation",
        "workouts.revisions",
        "workouts.spacing",
    },
    "workouts.verdicts": WORKOUTS
    | {"workouts.diary", "workouts.notation", "workouts.planning", "workouts.spacing"},
    "workouts.seasons": {
        "athletes.models",
        "workouts.diary",
        "workouts.models",
        "workouts.planning",
        "workouts.spacing",
    },
    "workouts.season_edits": WORKOUTS
    | {"workouts.diary", "workouts.planning", "workouts.retarget", "workouts.seasons"},
    "workouts.season_forms": WORKOUTS | {"athletes.forms", "workouts.forms"},
    "workouts.previews": {
        "athletes.models",
        "athletes.predictions",
        "workouts.notation",
        "workouts.prescriptions",
        "workouts.track",
    },
    "workouts.retarget": {
        "athletes.measures",
        "athletes.models",
        "athletes.predictions",
        "workouts.models",
    },
    "workouts.dashboard": WORKOUTS | {"workouts.notation", "workouts.spacing"},
    "workouts.overviews": WORKOUTS | {"athletes.measures", "workouts.dashboard", "workouts.diary"},
    "workouts.wording": {"athletes.measures", "workouts.models"},
    "workouts.calendars": {
        "athletes.models",
        "workouts.mail_links",
        "workouts.mails",
        "workouts.models",
        "workouts.wording",
    },
    "workouts.mails": {"athletes.measures", "workouts.revisions", "workouts.wording"},
    "workouts.delivery": {
        "athletes.models",
        "workouts.calendars",
        "workouts.mail_links",
        "workouts.mails",
        "workouts.models",
        "workouts.revisions",
        "workouts.smtp",
    },
    "workouts.mail_room": {"athletes.models", "workouts.models"},
    "workouts.digests": {
        "athletes.models",
        "workouts.delivery",
        "workouts.mail_room",
        "workouts.mails",
        "workouts.models",
        "workouts.smtp",
    },
    "workouts.tasks": {"workouts.digests", "workouts.delivery", "workouts.models"},
    "workouts.forms": WORKOUTS | {"athletes.forms", "workouts.diary"},
    "workouts.admin": {"workouts.models"},
    "workouts.views": {
        "athletes.models",
        "athletes.requests",
        "workouts.calendars",
        "workouts.bounces",
        "workouts.dashboard",
        "workouts.delivery",
        "workouts.diary",
        "workouts.forms",
        "workouts.mail_room",
        "workouts.mail_links",
        "workouts.mails",
        "workouts.models",
        "workouts.overviews",
        "workouts.planning",
        "workouts.previews",
        "workouts.retarget",
        "workouts.revisions",
        "workouts.season_edits",
        "workouts.season_forms",
        "workouts.seasons",
        "workouts.spacing",
        "workouts.undoing",
        "workouts.verdicts",
        "workouts.wording",
        "athletes.forms",
        "workouts.board_forms",
        "workouts.changes",
    },
    "workouts.urls": {"workouts.views"},
    "workouts.templatetags": {
        "athletes.measures",
        "workouts.dashboard",
        "workouts.models",
        "workouts.overviews",
        "workouts.prescriptions",
        "workouts.revisions",
        "workouts.wording",
    },
    "workouts.management": WORKOUTS
    | {
        "athletes.management",
        "athletes.measures",
        "athletes.roster",
        "workouts.delivery",
        "workouts.notation",
        "workouts.planning",
        "workouts.track",
    },
}
READS_CLOCK = {
    "athletes.admin",
    "athletes.views",
    "athletes.management",
    "workouts.views",
    "workouts.tasks",
    "workouts.management",
    "workouts.models",  # when a week was touched
}
SPEAKS_SMTP = {"workouts.delivery", "workouts.digests", "workouts.smtp", "athletes.accounts"}


def modules() -> dict[str, list[ast.Module]]:
    """Return the syntax trees of our two apps by module, a package being one module."""
    trees: dict[str, list[ast.Module]] = {}
    for path in sorted([*ROOT.glob("athletes/**/*.py"), *ROOT.glob("workouts/**/*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts[:2]
        if "migrations" not in path.parts and parts[1] != "__init__":
            trees.setdefault(".".join(parts), []).append(ast.parse(path.read_text("utf-8")))
    return trees


def imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "import from the full path, so that the plan can be read off"
            assert not node.level
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(names: set[str]) -> set[str]:
    return {
        ".".join(name.split(".")[:2])
        for name in names
        if name.split(".")[0] in ("athletes", "workouts", "coachsite")
    }


def wrong_way(module: str, tree: ast.Module) -> set[str]:
    return ours(imports(tree)) - MAY_IMPORT[module] - {module}


MODULES = modules()


def test_every_module_has_its_place_in_the_plan():
    assert set(MODULES) == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    for tree in MODULES[module]:
        assert wrong_way(module, tree) == set()


def test_a_planted_wrong_way_import_is_seen():
    assert wrong_way("athletes.models", ast.parse("from workouts.models import Session"))
    assert wrong_way("workouts.dashboard", ast.parse("import workouts.delivery"))


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_knows_no_django_and_no_clock(module):
    for tree in MODULES[module]:
        names = imports(tree)
        roots = {name.partition(".")[0] for name in names} - {"athletes", "workouts"}
        assert roots <= set(sys.stdlib_module_names)
        assert not calls(tree) & {"now", "today", "utcnow", "localdate"}


def calls(tree: ast.Module) -> set[str]:
    """Return the names of the methods that are called on a module or a class."""
    return {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("timezone", "datetime", "date", "time")
    }


@pytest.mark.parametrize("module", set(MAY_IMPORT) - READS_CLOCK)
def test_only_the_edges_read_the_clock(module):
    for tree in MODULES[module]:
        assert not calls(tree) & {"now", "today", "utcnow", "localdate"}


@pytest.mark.parametrize("module", set(MAY_IMPORT) - SPEAKS_SMTP)
def test_only_the_post_office_and_the_accounts_send_mail(module):
    for tree in MODULES[module]:
        mail = [n for n in imports(tree) if n.startswith(("django.core.mail", "smtplib"))]
        assert mail == []


def test_no_mail_waits_in_the_broker_for_its_hour():
    """An eta or a countdown is run twice when the visibility timeout is shorter."""
    for trees in MODULES.values():
        for tree in trees:
            keywords = {
                k.arg for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords
            }
            assert not keywords & {"eta", "countdown"}


def test_no_view_publishes_to_the_broker():
    for module in ("athletes.views", "workouts.views"):
        for tree in MODULES[module]:
            names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            assert not names & {"delay", "apply_async", "delay_on_commit"}


def test_vendored_files_are_what_the_list_says():
    lines = (ROOT / "static/vendor/VENDORED.txt").read_text().splitlines()
    listed = dict(reversed(line.split()[:2]) for line in lines if re.match(r"[0-9a-f]{64} ", line))
    files = {path.name for path in (ROOT / "static/vendor").iterdir()} - {"VENDORED.txt"}
    assert set(listed) == files
    for name, digest in listed.items():
        assert hashlib.sha256((ROOT / "static/vendor" / name).read_bytes()).hexdigest() == digest


def test_the_architecture_page_names_every_module():
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    assert [module for module in MODULES if module.split(".")[1] not in page] == []
