"""A constraint that Django has no class for, and the name of the one that refused a row."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, IntegrityError, models
from django.db.backends.ddl_references import Statement


class MirrorsColumns(models.BaseConstraint):
    """A foreign key over several columns, so that copies can never differ from their origin.

    `columns` of this table point at `to_columns` of the table `to`, which must be unique together
    there. A change at the origin is written through to the copies, a deletion deletes them.
    It lives in Meta.constraints, so SQLite's table remakes keep it (they drop triggers).
    """

    def __init__(
        self, *, name: str, columns: list[str], to: str, to_columns: list[str], **words: Any
    ) -> None:
        super().__init__(name=name, **words)
        self.columns, self.to, self.to_columns = columns, to, to_columns

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        quote = schema_editor.quote_name
        return "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) {}".format(
            quote(self.name),
            ", ".join(map(quote, self.columns)),
            quote(self.to),
            ", ".join(map(quote, self.to_columns)),
            "ON UPDATE CASCADE ON DELETE CASCADE",
        )

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        table = schema_editor.quote_name(model._meta.db_table)
        definition = self.constraint_sql(model, schema_editor)
        return Statement(
            "ALTER TABLE %(table)s ADD %(definition)s", table=table, definition=definition
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=schema_editor.quote_name(model._meta.db_table),
            name=schema_editor.quote_name(self.name),
        )

    def validate(
        self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS
    ) -> None:
        """Nothing to say before the save: the copied columns are never typed by a person."""

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        columns = {"columns": self.columns, "to": self.to, "to_columns": self.to_columns}
        return path, args, kwargs | columns

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MirrorsColumns):
            return self.deconstruct() == other.deconstruct()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)


def refusal(error: IntegrityError) -> str:
    """Return what the constraint that refused a row says to people, "" where it says nothing."""
    name = violated_constraint(error)
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                words = constraint.violation_error_message
                if words != constraint.default_violation_error_message:
                    return str(words)
    state = getattr(error.__cause__, "sqlstate", "")  # SQLite has none, but these words
    if state == "23503" or "FOREIGN KEY" in str(error):
        return "Something on this page was changed or removed a moment ago. Look, and try again."
    # Two requests at once have both found a name free; whatever it is, it is there now.
    is_double = state == "23505" or "UNIQUE" in str(error)
    return "The same was saved a moment ago. Look, and try again." if is_double else ""


def violated_constraint(error: IntegrityError) -> str:
    """Return the name of the constraint that refused a row, or "" where the database tells none.

    PostgreSQL names it. SQLite names checks, but of a unique constraint only table and columns:
    those are looked up among the models.
    """
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is not None:
        return diagnosis.constraint_name or ""
    what, _, rest = str(error).partition(" constraint failed: ")
    if what != "UNIQUE":
        return rest
    if rest.startswith("index '"):
        return rest.removeprefix("index '").removesuffix("'")
    columns = sorted(rest.split(", "))
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint) and columns == _columns(
                model, constraint.fields
            ):
                return constraint.name
    return ""


def _columns(model: Any, fields: Iterable[str]) -> list[str]:
    """Return table and column of these fields, as SQLite names them, sorted."""
    meta = model._meta
    return sorted(f"{meta.db_table}.{meta.get_field(name).column}" for name in fields)
