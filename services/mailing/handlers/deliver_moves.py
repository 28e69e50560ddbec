"""Send moves to webhooks: signed, in order for each of them, and at least once.

A position is moved on only after its receiver has said 2xx. Whoever is cut off between the two
leaves a claim that runs out, and the same message is sent again under the same id.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.engine import Row

from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.webhooks import delay_after, is_given_up, secret_of, sign
from services.mailing.handlers.follow_changes import CHANGED
from services.mailing.handlers.keep_webhooks import MADE, find_webhook
from services.mailing.persistence import deliveries
from services.mailing.persistence.members import last_position
from shared.chassis.database import is_transient
from shared.chassis.logs import get_logger
from shared.chassis.outbound import POST_SECONDS, Posted, Poster
from shared.chassis.unit_of_work import UnitOfWorkFactory

TOLD = 500
"""How many moves one message tells at most."""
AT_ONCE = 10
CLAIMED = timedelta(seconds=4 * POST_SECONDS)
IDLE_SECONDS = 1.0
FAILURE_SECONDS = 0.5

log = get_logger(__name__)


class Courier:
    """Sends moves to all webhooks; a slow receiver delays no other, several couriers none twice."""

    def __init__(self, units: UnitOfWorkFactory, poster: Poster, keys: LinkKeys) -> None:
        self._units = units
        self._poster = poster
        self._keys = keys
        self._wake = asyncio.Event()
        for signal in (CHANGED, MADE):
            units.when_signalled(signal, self._wake.set)

    async def run(self) -> None:
        """Send until cancelled."""
        under_way: set[asyncio.Task[None]] = set()

        def over(task: asyncio.Task[None]) -> None:
            under_way.discard(task)
            self._wake.set()

        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                try:
                    claimed = await self._claim(AT_ONCE - len(under_way))
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("webhooks_interrupted", error=repr(error)[:200])
                    await asyncio.sleep(FAILURE_SECONDS)
                    continue
                for webhook in claimed:
                    task = tasks.create_task(self._deliver(webhook))
                    under_way.add(task)
                    task.add_done_callback(over)
                if not claimed:
                    try:
                        async with asyncio.timeout(IDLE_SECONDS):
                            await self._wake.wait()
                    except TimeoutError:
                        pass

    async def settle(self) -> None:
        """Send until nothing is left to send now; for those who run no loops."""
        while claimed := await self._claim(AT_ONCE):
            await asyncio.gather(*map(self._deliver, claimed))

    async def test(self, webhook_id: UUID) -> Row[Any]:
        """Send a message without moves at once; return what came of it."""
        async with self._units.engine.connect() as connection:
            webhook = await find_webhook(webhook_id, connection)
        message_id, now = uuid4(), self._units.clock()
        posted = await self._post(webhook, message_id, _body("webhook.tested", now, {}))
        async with self._units() as uow:
            await find_webhook(webhook_id, uow.connection)
            await deliveries.remember(
                uow.connection,
                webhook_id,
                message_id=message_id,
                kind="test",
                moves=0,
                position=webhook.position,
                status=posted.status,
                error=_wrong(posted),
                now=uow.now,
            )
            return (await deliveries.newest(uow.connection, webhook_id))[0]

    async def _claim(self, limit: int) -> list[Row[Any]]:
        async with self._units() as uow:
            return await deliveries.claim(
                uow.connection, now=uow.now, until=uow.now + CLAIMED, limit=limit
            )

    async def _deliver(self, webhook: Row[Any]) -> None:
        try:
            await self._deliver_next(webhook)
        except Exception as error:
            if not is_transient(error):
                raise
            # Its claim runs out.
            log.warning("webhook_interrupted", webhook_id=str(webhook.webhook_id))

    async def _deliver_next(self, webhook: Row[Any]) -> None:
        async with self._units() as uow:
            # Before the moves are read: what comes later is behind it.
            until = webhook.message_until or await last_position(uow.connection)
            moves = await deliveries.moves_for(uow.connection, webhook, until=until, limit=TOLD)
            if not moves:
                await deliveries.move_on(uow.connection, webhook, position=until)
                return
            if len(moves) == TOLD:
                until = moves[-1].position
            message_id = webhook.message_id or uuid4()
            await deliveries.begin_message(uow.connection, webhook, message_id, until=until)
        posted = await self._post(webhook, message_id, _told(moves, until))
        await self._keep(webhook, message_id, len(moves), until, posted)

    async def _post(self, webhook: Row[Any], message_id: UUID, body: bytes) -> Posted:
        now = self._units.clock()
        made = [(webhook.secret_id, webhook.key_id)]
        if webhook.earlier_valid_until is not None and webhook.earlier_valid_until > now:
            made.append((webhook.earlier_secret_id, webhook.earlier_key_id))
        secrets = [secret_of(one, bytes(key), self._keys) for one, key in made]
        known = [one for one in secrets if one is not None]
        if not known:
            return Posted(error="secret_unknown")
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "suhde",
            "Webhook-Id": str(message_id),
            "Webhook-Timestamp": timestamp,
            "Webhook-Signature": " ".join(
                sign(one, str(message_id), timestamp, body) for one in known
            ),
        }
        return await self._poster.post(webhook.url, headers, body)

    async def _keep(
        self, webhook: Row[Any], message_id: UUID, moves: int, until: int, posted: Posted
    ) -> None:
        wrong = _wrong(posted)
        async with self._units() as uow:
            if wrong is None:
                await deliveries.move_on(uow.connection, webhook, position=until)
            else:
                since = webhook.failing_since or uow.now
                off = uow.now if is_given_up(since, uow.now) else None
                kept = await deliveries.put_off(
                    uow.connection,
                    webhook,
                    failing_since=since,
                    next_at=uow.now + delay_after(webhook.failures + 1, random.random()),
                    switched_off_at=off,
                )
                if off is not None and kept:
                    log.warning(
                        "webhook_switched_off",
                        webhook_id=str(webhook.webhook_id),
                        error=wrong,
                        remedy="Mend the receiver, then set it active; nothing is lost meanwhile.",
                    )
            await deliveries.remember(
                uow.connection,
                webhook.webhook_id,
                message_id=message_id,
                kind="moves",
                moves=moves,
                position=until,
                status=posted.status,
                error=wrong,
                now=uow.now,
            )


def _wrong(posted: Posted) -> str | None:
    if posted.status is None or 200 <= posted.status < 300:
        return posted.error
    return "redirected" if 300 <= posted.status < 400 else "refused"


def _told(moves: Sequence[Row[Any]], until: int) -> bytes:
    told = [
        {
            "position": one.position,
            "segment_id": str(one.segment_id),
            "contact_id": str(one.contact_id),
            "entered": one.entered,
            "at": one.at.isoformat(),
            "cause": one.cause,
            "told_type": one.told_type,
            "told_by": one.told_by,
        }
        for one in moves
    ]
    return _body("members.moved", moves[-1].at, {"position": until, "moves": told})


def _body(type_: str, at: datetime, data: dict[str, Any]) -> bytes:
    said = {"type": type_, "timestamp": at.isoformat(), "data": data}
    return json.dumps(said, separators=(",", ":")).encode()
