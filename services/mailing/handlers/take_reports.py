"""Take delivery reports: each once, and what follows for the addresses with the same commit."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.mailing.domain.addresses import require_key
from services.mailing.domain.channels import Channel
from services.mailing.domain.delivery_reports import (
    BounceRules,
    Effect,
    Report,
    ReportKind,
    effects,
)
from services.mailing.domain.events import AddressBounced
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.notices import read_notice
from services.mailing.domain.unsubscribe_tokens import find_token
from services.mailing.handlers.stop_address import Reason, Stop, hold_gates, stop_addresses
from services.mailing.persistence import reports as store
from services.mailing.persistence.reports import Address, Kept
from shared.chassis.errors import InvalidField
from shared.chassis.ids import new_id
from shared.chassis.unit_of_work import UnitOfWork

NOTICES = "notice"
"""The provider of what is read out of mails."""


@dataclass(frozen=True, slots=True)
class Taking:
    """By which rules reports are taken, and where a day begins and ends."""

    rules: BounceRules
    zone: str


def key_of(channel: Channel, address: str) -> str | None:
    """Return the key of an address that somebody else wrote; None if no contact could have it."""
    try:
        return require_key(channel, address)
    except InvalidField:
        return None


async def take_reports(reports: Sequence[Report], taking: Taking, uow: UnitOfWork) -> list[Effect]:
    """
    Keep reports and do what follows from them; return what each did, in their order.

    What a provider has sent before does nothing again. Waits for running hand-offs to the
    addresses; raises the database's lock timeout after 2 s.
    """
    first: dict[tuple[str, str], Report] = {}
    for report in reports:
        # What lies ahead of our clock counts from now on.
        known = replace(report, reported_at=min(report.reported_at, uow.now))
        first.setdefault((report.provider, report.report_id), known)
    rows = await _keep(list(first.values()), uow)
    done = {(row.report.provider, row.report.report_id): row.effect for row in rows}
    done |= await _follow([row for row in rows if row.effect is Effect.KEPT], taking, uow)
    # Of several with one id in one request the first is taken.
    return [done.pop((one.provider, one.report_id), Effect.DUPLICATE) for one in reports]


async def take_notice(
    raw: bytes, taking: Taking, keys: LinkKeys, uow: UnitOfWork
) -> list[tuple[Report, Effect]]:
    """Take what a mail tells of its recipients; refuse one that is no delivery report.

    A link of ours in what it returns names the hand-off; otherwise the address does.
    """
    notice = read_notice(raw)
    hand_off_id = find_token(notice.returned, keys)
    found = [
        Report(
            provider=NOTICES,
            report_id=f"{notice.notice_id}:{place}",
            kind=one.kind,
            channel=Channel.EMAIL,
            address_key=key_of(Channel.EMAIL, one.address) if one.address else None,
            # One mail to several recipients has no link of each.
            hand_off_id=hand_off_id if len(notice.noticed) == 1 else None,
            reported_at=notice.at or uow.now,
        )
        for place, one in enumerate(notice.noticed, start=1)
    ]
    return list(zip(found, await take_reports(found, taking, uow), strict=True))


async def _keep(reports: Sequence[Report], uow: UnitOfWork) -> list[Kept]:
    reached = await store.find_reached_by(uow.connection, reports)
    rows = [
        Kept(new_id(), report, one, Effect.KEPT if one else Effect.NOT_HANDED_OFF)
        for report, one in zip(reports, reached, strict=True)
    ]
    rows = [
        replace(row, effect=Effect.ERASED) if row.reached and row.reached.erased else row
        for row in rows
    ]
    new = await store.add(uow.connection, rows, now=uow.now)
    return [row for row in rows if row.delivery_report_id in new]


async def _follow(
    rows: Sequence[Kept], taking: Taking, uow: UnitOfWork
) -> dict[tuple[str, str], Effect]:
    by_address: dict[Address, list[Kept]] = defaultdict(list)
    for row in rows:
        assert row.reached is not None
        by_address[(row.reached.channel, row.reached.address_key)].append(row)
    if not by_address:
        return {}
    # Two reports of one address count each other, whoever comes first.
    await hold_gates(by_address, uow)
    standings = await store.standings(
        uow.connection,
        list(by_address),
        since=uow.now - taking.rules.within,
        zone=taking.zone,
    )
    found: dict[UUID, Effect] = {}
    for address, of_one in by_address.items():
        told = [(row.report.kind, row.report.reported_at) for row in of_one]
        done = effects(told, standings[address], taking.rules, now=uow.now)
        found |= {row.delivery_report_id: one for row, one in zip(of_one, done, strict=True)}
    await _stop(rows, found, uow)
    await store.set_effects(uow.connection, found)
    return {
        (row.report.provider, row.report.report_id): found[row.delivery_report_id] for row in rows
    }


async def _stop(rows: Sequence[Kept], found: dict[UUID, Effect], uow: UnitOfWork) -> None:
    wanted: list[Stop] = []
    for row in rows:
        assert row.reached is not None
        effect = found[row.delivery_report_id]
        if effect not in (Effect.SUPPRESSED, Effect.BANNED):
            continue
        reason = Reason.BOUNCED if effect is Effect.SUPPRESSED else Reason.COMPLAINT
        wanted.append(
            Stop(row.delivery_report_id, row.reached.channel, row.reached.address_key, reason)
        )
        if effect is Effect.SUPPRESSED:
            uow.record(_bounced(row, uow.now))
    await stop_addresses(wanted, uow)


def _bounced(row: Kept, now: datetime) -> AddressBounced:
    assert row.reached is not None
    return AddressBounced(
        stop_id=row.delivery_report_id,
        hand_off_id=row.reached.hand_off_id,
        contact_id=row.reached.contact_id,
        channel=row.reached.channel,
        kind=ReportKind(row.report.kind),
        reported_at=row.report.reported_at,
        at=now,
    )
