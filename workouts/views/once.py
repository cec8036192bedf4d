"""What a form asks for is done once, however often it is sent: a double click, a reload."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from django.core.cache import cache

from athletes.requests import SiteRequest
from workouts.models import Action, acting

REMEMBERED = 24 * 60 * 60  # seconds, as long as a change can be undone
AT_WORK = 0  # stands for the action until there is one


@dataclass(frozen=True)
class Once:
    """The key that a page gave its form, with what was posted: another button is another deed.

    `name` is "" where the form came without a key.
    """

    name: str

    @classmethod
    def of(cls, request: SiteRequest) -> Self:
        try:
            key = UUID(request.POST.get("key", ""))
        except ValueError:
            return cls("")
        asked = sorted(one for one in request.POST.lists() if one[0] != "csrfmiddlewaretoken")
        said = sha256(repr((request.path, asked)).encode()).hexdigest()
        return cls(f"once:{request.user.pk}:{key}:{said}")

    def is_new(self) -> bool:
        """Take the key for what is done now; False where it was taken before."""
        return not self.name or bool(cache.add(self.name, AT_WORK, REMEMBERED))

    @contextmanager
    def acting(self, **what: Any) -> Iterator[Action]:
        """Act, and note what was done; where nothing was, the key can be used again."""
        done = None
        try:
            with acting(**what) as action:
                yield action
            done = self.name and Action.objects.filter(pk=action.pk).first()
        finally:
            if done:
                cache.set(self.name, done.pk, REMEMBERED)
            elif self.name:
                cache.delete(self.name)

    def done(self) -> Action | None:
        """Return what was done under the key; None where it is still at work."""
        return Action.objects.filter(pk=cache.get(self.name, AT_WORK)).first()

    def words(self, verb: str) -> str:
        """Say that it was sent before, and what has become of that; `verb` as in Added."""
        done = self.done()
        if done is None:
            return f"{verb} just now, by the same form: look at the week in a moment."
        if done.undone_by_id:
            return (
                f"{verb} already, and undone since: “{done.label}”. Nothing was done again; "
                "open the form anew to do it."
            )
        return f"{verb} already: “{done.label}”. Nothing was done twice."
