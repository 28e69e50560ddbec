"""Delivery reports: kept once each, resolved to hand-offs, counted by address, and listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mailing.domain.channels import Channel
from services.mailing.domain.delivery_reports import Effect, Report, ReportKind, Standing
from services.mailing.domain.keys import DIRECT_PREFIX
from services.mailing.persistence.stops import REACHED, Reached

Address = tuple[Channel, str]
"""Channel and address key."""

REPORT_COLUMNS = """delivery_report_id, provider, report_id, kind, channel, hand_off_id,
                    reported_at, taken_at, effect"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it is kept, with an id of ours."""

    delivery_report_id: UUID
    report: Report
    reached: Reached | None
    effect: Effect


async def find_reached_by(
    connection: AsyncConnection, reports: Sequence[Report]
) -> list[Reached | None]:
    """Return whom each report is about: its hand-off, or else the last one to its address."""
    result = await connection.execute(
        _REACHED_BY,
        {
            "hand_offs": [report.hand_off_id for report in reports],
            "channels": [report.channel for report in reports],
            "keys": [report.address_key for report in reports],
        },
    )
    found = {
        row.place: Reached(
            row.hand_off_id, row.contact_id, Channel(row.channel), row.address_key, row.erased
        )
        for row in result
    }
    return [found.get(place) for place in range(1, len(reports) + 1)]


async def add(connection: AsyncConnection, rows: Sequence[Kept], *, now: datetime) -> set[UUID]:
    """Keep reports; return the ids of those that their providers had not sent before."""
    ordered = sorted(rows, key=lambda row: (row.report.provider, row.report.report_id))
    result = await connection.execute(
        _ADD,
        {
            "ids": [row.delivery_report_id for row in ordered],
            "providers": [row.report.provider for row in ordered],
            "report_ids": [row.report.report_id for row in ordered],
            "kinds": [row.report.kind for row in ordered],
            "channels": [row.report.channel for row in ordered],
            "hand_offs": [row.reached and row.reached.hand_off_id for row in ordered],
            "moments": [row.report.reported_at for row in ordered],
            "effects": [row.effect for row in ordered],
            "now": now,
        },
    )
    return {new for (new,) in result}


async def set_effects(connection: AsyncConnection, effects: dict[UUID, Effect]) -> None:
    """Write down what reports did."""
    if effects:
        await connection.execute(
            _SET_EFFECTS, {"ids": list(effects), "effects": list(effects.values())}
        )


async def standings(
    connection: AsyncConnection, addresses: Sequence[Address], *, since: datetime, zone: str
) -> dict[Address, Standing]:
    """Return how it stands with addresses; soft bounces from `since` on count, by day in `zone`."""
    result = await connection.execute(
        _STANDINGS,
        {
            "channels": [channel for channel, _ in addresses],
            "keys": [key for _, key in addresses],
            "since": since,
            "zone": zone,
        },
    )
    return {
        (Channel(row.channel), row.address_key): Standing(
            suppressed=row.suppressed, banned=row.banned, soft_days=row.soft_days
        )
        for row in result
    }


async def list_reports(
    connection: AsyncConnection,
    *,
    kind: ReportKind | None,
    address: Address | None,
    since: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return reports, the newest first: behind the one that `after` names, `limit` at most."""
    parts = ["true"]
    parts += ["kind = :kind"] if kind else []
    parts += ["taken_at >= :since"] if since else []
    parts += ["(taken_at, delivery_report_id) < (:moment, CAST(:id AS uuid))"] if after else []
    parts += [_OF_ADDRESS] if address else []
    channel, key = address or (None, None)
    moment, last = after or (None, None)
    values: dict[str, object] = {
        "kind": kind,
        "since": since,
        "moment": moment,
        "id": last,
        "channel": channel,
        "key": key,
    }
    statement = f"""
        SELECT {REPORT_COLUMNS} FROM delivery_report WHERE {" AND ".join(parts)}
        ORDER BY taken_at DESC, delivery_report_id DESC LIMIT :limit
        """
    used = {name: value for name, value in values.items() if value is not None}
    result = await connection.execute(text(statement), {**used, "limit": limit})
    return result.all()


_REACHED_BY = text(
    f"""
    SELECT asked.place, reached.hand_off_id, reached.contact_id, reached.channel,
           reached.address_key, reached.erased
    FROM unnest(CAST(:hand_offs AS uuid[]), CAST(:channels AS text[]), CAST(:keys AS text[]))
         WITH ORDINALITY AS asked (hand_off_id, channel, address_key, place)
    CROSS JOIN LATERAL (
        ({REACHED} WHERE hand_off.hand_off_id = asked.hand_off_id
                     AND hand_off.channel = asked.channel)
        UNION ALL
        ({REACHED} WHERE asked.hand_off_id IS NULL AND hand_off.channel = asked.channel
                     AND hand_off.address_key = asked.address_key
         ORDER BY hand_off.at DESC, hand_off.hand_off_id DESC LIMIT 1)
    ) AS reached
    """
)
_ADD = text(
    """
    INSERT INTO delivery_report (delivery_report_id, provider, report_id, kind, channel,
                                 hand_off_id, reported_at, taken_at, effect)
    SELECT id, provider, report_id, kind, channel, hand_off_id, reported_at, :now, effect
    FROM unnest(CAST(:ids AS uuid[]), CAST(:providers AS text[]), CAST(:report_ids AS text[]),
                CAST(:kinds AS text[]), CAST(:channels AS text[]), CAST(:hand_offs AS uuid[]),
                CAST(:moments AS timestamptz[]), CAST(:effects AS text[]))
         WITH ORDINALITY
         AS new (id, provider, report_id, kind, channel, hand_off_id, reported_at, effect, place)
    ORDER BY place
    ON CONFLICT (provider, report_id) DO NOTHING
    RETURNING delivery_report_id
    """
)
_SET_EFFECTS = text(
    """
    UPDATE delivery_report SET effect = new.effect
    FROM unnest(CAST(:ids AS uuid[]), CAST(:effects AS text[])) AS new (id, effect)
    WHERE delivery_report_id = new.id
    """
)
# A stop that was lifted stands no more, and soft bounces count anew after one.
_STANDINGS = text(
    f"""
    SELECT asked.channel, asked.address_key,
           coalesce(bool_or(stands AND effect = 'suppressed'), false) AS suppressed,
           coalesce(bool_or(stands AND effect = 'banned'), false) AS banned,
           count(DISTINCT CAST(reported_at AT TIME ZONE :zone AS date))
               FILTER (WHERE kind = 'soft_bounce' AND effect = 'kept' AND reported_at > :since
                         AND (last_suppressed IS NULL OR taken_at > last_suppressed)) AS soft_days
    FROM unnest(CAST(:channels AS text[]), CAST(:keys AS text[])) AS asked (channel, address_key)
    LEFT JOIN LATERAL (
        SELECT report.kind, report.effect, report.reported_at, report.taken_at,
               max(report.taken_at) FILTER (WHERE report.effect = 'suppressed') OVER ()
                   AS last_suppressed,
               EXISTS (SELECT FROM ban_address
                       WHERE ban_address.channel = asked.channel
                         AND ban_address.address_key = asked.address_key
                         AND ban_address.subject
                             = '{DIRECT_PREFIX}' || CAST(report.delivery_report_id AS text))
                   AS stands
        FROM hand_off JOIN delivery_report AS report USING (hand_off_id)
        WHERE hand_off.channel = asked.channel AND hand_off.address_key = asked.address_key
    ) AS reported ON true
    GROUP BY asked.channel, asked.address_key
    """
)
_OF_ADDRESS = """
    hand_off_id = ANY(ARRAY(SELECT hand_off.hand_off_id FROM hand_off
                            WHERE hand_off.channel = :channel AND hand_off.address_key = :key))
"""
