"""How long a customer was in each status, from what its history kept; no time is ever invented."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One change of what a customer holds, reduced to its status, which may have been none."""

    at: datetime
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class StatusPeriod:
    """A time in one status. `begin` or `end` is None where it is not known, or still lasts."""

    status: int
    begin: datetime | None
    end: datetime | None


def status_in(keys: Collection[int], statuses: Collection[int]) -> int | None:
    """Return the status among the keys that somebody holds."""
    return next((key for key in keys if key in statuses), None)


def status_periods(
    changes: Iterable[StatusChange], *, present: int | None, since: datetime | None
) -> list[StatusPeriod]:
    """
    Return the times in each status, the oldest first; the last is open and lasts.

    `since` is when what was before the first change began, None if that is not known. Where a
    change does not begin with what the one before it left, something between them was not kept:
    the times there are unknown. Statuses that were held for no time are left out.
    """
    return [
        period
        for period in _periods(changes, present, since)
        if period.begin is None or period.begin != period.end
    ]


def _periods(
    changes: Iterable[StatusChange], present: int | None, since: datetime | None
) -> Iterator[StatusPeriod]:
    status: int | None = None
    begin = since
    first = True
    for change in changes:
        if not first and change.before != status:
            if status is not None:
                yield StatusPeriod(status, begin, None)
            begin = None
        first = False
        if change.before == change.after:
            status = change.after
            continue
        if change.before is not None:
            yield StatusPeriod(change.before, begin, change.at)
        status, begin = change.after, change.at
    if not first and status != present:
        if status is not None:
            yield StatusPeriod(status, begin, None)
        begin = None
    if present is not None:
        yield StatusPeriod(present, begin, None)
