"""What a form asks for is done once, however often it is sent: a double click, a reload."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from athletes.requests import SiteRequest
from workouts.models import Action, acting


@dataclass(frozen=True)
class Once:
    """The key that a page gave its form, with what was posted: another button is another deed.

    The action is kept under it, in the transaction that does the work: who sends the same at the
    same moment waits, and is refused by the database. `key` is "" where the form came without.
    """

    key: str

    @classmethod
    def of(cls, request: SiteRequest) -> Self:
        try:
            key = UUID(request.POST.get("key", ""))
        except ValueError:
            return cls("")
        asked = sorted(one for one in request.POST.lists() if one[0] != "csrfmiddlewaretoken")
        said = repr((request.user.pk, str(key), request.path, asked))
        return cls(sha256(said.encode()).hexdigest())

    def done(self) -> Action | None:
        """Return what was done under the key."""
        return Action.objects.filter(form_key=self.key).first() if self.key else None

    def acting(self, **what: Any) -> AbstractContextManager[Action]:
        return acting(form_key=self.key, **what)


def already(done: Action, verb: str) -> str:
    """Say that it was sent before, and what has become of that; `verb` as in Added."""
    if done.undone_by_id:
        return (
            f"{verb} already, and undone since: “{done.label}”. Nothing was done again; "
            "open the form anew to do it."
        )
    return f"{verb} already: “{done.label}”. Nothing was done twice."
