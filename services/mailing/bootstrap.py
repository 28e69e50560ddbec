"""Wires the mailing service: the only place that sees all of it."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.mailing.api.audiences import audiences_router
from services.mailing.api.bans import bans_router
from services.mailing.api.call_list import call_list_router
from services.mailing.api.consent import consent_router
from services.mailing.api.consent_log import consent_log_router
from services.mailing.api.explanations import explanations_router
from services.mailing.api.feed import feed_router
from services.mailing.api.pins import pins_router
from services.mailing.api.report_providers import report_providers_router
from services.mailing.api.reports import HOOKS, MAILS, MAX_BODY, hooks_router, reports_router
from services.mailing.api.rule_language import rule_language_router
from services.mailing.api.sealed import sealed_router
from services.mailing.api.segment_history import segment_history_router
from services.mailing.api.segments import segments_router
from services.mailing.api.topics import topics_router
from services.mailing.api.unsubscribe import MAX_BODY as MAX_FORM
from services.mailing.api.unsubscribe import ROUTE, unsubscribe_router
from services.mailing.api.webhooks import webhooks_router
from services.mailing.domain.addresses import hashes
from services.mailing.domain.delivery_reports import BounceRules
from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.unsubscribe_tokens import link_giver
from services.mailing.handlers.consent import show_consent
from services.mailing.handlers.deliver_moves import Courier
from services.mailing.handlers.evaluate_rule import warn_of_not_told
from services.mailing.handlers.keep_members import MemberKeeper
from services.mailing.handlers.loops import fencing, following, hashing, probing
from services.mailing.handlers.open_log import open_log
from services.mailing.handlers.take_reports import Taking
from services.mailing.messaging.publications import SOURCE, translate
from services.mailing.messaging.subscribers import subscriptions
from services.mailing.persistence.moves import CHANNEL
from services.mailing.persistence.past import OUTDATED_PAST
from services.mailing.persistence.report_secrets import OUTDATED
from services.mailing.persistence.seals import OUTDATED as OUTDATED_SEALS
from services.mailing.persistence.tables import metadata
from services.mailing.settings import Settings
from shared.chassis.bus.port import Bus
from shared.chassis.clock import Clock, system_clock
from shared.chassis.database import connect
from shared.chassis.inbox import Inbox
from shared.chassis.notices import Notices
from shared.chassis.outbound import Poster
from shared.chassis.relay import Relay
from shared.chassis.service import Service
from shared.chassis.unit_of_work import UnitOfWorkFactory
from shared.chassis.worker import Worker
from shared.contracts.catalogue import FLEETING
from shared.contracts.envelope import body_hash
from shared.contracts.wiring import address_of, read_data, read_label

NAME = "mailing"
# A rule over a million contacts is one statement.
BUILD_SECONDS = 300.0
VERSIONS = Path(__file__).parent / "persistence" / "migrations" / "versions"


def build(settings: Settings, bus: Bus, *, clock: Clock = system_clock) -> Service:
    """Return the service on its database and this bus, ready to be started."""
    url = settings.database_url.get_secret_value()
    engine = connect(url, name=NAME, pool_size=settings.pool_size)
    units = UnitOfWorkFactory(engine, clock, translate)
    zone = ZoneInfo(settings.time_zone)
    building = connect(url, name=f"{NAME}-build", pool_size=1, command_seconds=BUILD_SECONDS)
    keeper = MemberKeeper(units, units.on(building), zone)
    notices = Notices(connect(url, name=f"{NAME}-notices", pool_size=1), CHANNEL)
    inbox = Inbox(engine, clock, read_label=read_label, read_data=read_data, body_hash=body_hash)
    hash_of = hashes(settings.suppression_key.get_secret_value())
    heard = subscriptions(zone, hash_of)
    worker = Worker(
        units,
        heard,
        read_data=read_data,
        batch=settings.inbox_batch,
        waiting_deadline=timedelta(hours=settings.waiting_deadline_hours),
    )
    limit = settings.consent_limit_seconds
    keys = LinkKeys.read(settings.link_key.get_secret_value())
    courier = Courier(units, Poster(settings.webhook_reach), keys)
    taking = Taking(
        BounceRules(settings.soft_bounce_days, timedelta(days=settings.bounce_window_days)),
        settings.time_zone,
        hash_of,
    )
    links_of = link_giver(keys, settings.public_url)

    async def consent_problem() -> str | None:
        consent = await show_consent(engine, limit_seconds=limit)
        return None if consent.fresh else "the consent news is not fresh; marketing is closed"

    async def prepare() -> None:
        await open_log(units, hash_of)
        await warn_of_not_told(units)

    return Service(
        name=NAME,
        engine=engine,
        bus=bus,
        clock=clock,
        units=units,
        inbox=inbox,
        worker=worker,
        relay=Relay(engine, bus, source=SOURCE, address=address_of),
        subscriptions=heard,
        routers=[
            segments_router(units, zone=zone, limit_seconds=limit),
            pins_router(units),
            explanations_router(
                units, zone=zone, limit_seconds=limit, past_days=settings.past_days
            ),
            segment_history_router(units, zone=zone),
            rule_language_router(units),
            feed_router(units, notices),
            webhooks_router(units, courier, settings.webhook_reach, keys),
            call_list_router(units),
            reports_router(units, taking, keys),
            report_providers_router(units, keys),
            audiences_router(units, limit_seconds=limit, links_of=links_of),
            sealed_router(units, limit_seconds=limit, links_of=links_of),
            consent_router(units, limit_seconds=limit, links_of=links_of),
            bans_router(units, hash_of, zone=zone),
            topics_router(units),
            consent_log_router(units),
        ],
        public_routers=[
            unsubscribe_router(units, keys, hash_of),
            hooks_router(units, taking, keys),
        ],
        versions=VERSIONS,
        metadata=metadata,
        retention=timedelta(days=settings.retention_days),
        retained={OUTDATED_PAST: timedelta(days=settings.past_days)},
        fleeting=FLEETING,
        prepare=prepare,
        loops=[
            ("consent-probe", probing(units)),
            ("ban-fence", fencing(units, hash_of)),
            ("address-hash", hashing(units, hash_of)),
            ("members", keeper.follow),
            ("audiences", following(units)),
            ("segment-builds", keeper.build),
            ("notices", notices.run),
            ("webhooks", courier.run),
        ],
        larger_bodies={
            ROUTE: MAX_FORM,
            MAILS: MAX_BODY,
            f"{HOOKS}/{{provider}}": MAX_BODY,
        },
        outdated=[OUTDATED, OUTDATED_SEALS],
        checks={"consent": consent_problem},
        tags={
            "segments": "Groups of contacts by rules, their counts, members and recipients.",
            "webhooks": "Where moves of members are sent, signed, and what came of it.",
            "audiences": "Whom campaigns take of segments, and their hand-off, open or sealed.",
            "delivery-reports": "Bounces and complaints, and who may report them.",
            "unsubscribe": "Links by which recipients say that they want no more.",
            "consent": "The gate: hand-offs, bans, reachability, and how fresh the news is.",
            "topics": "What one writes about, and who wants none of it.",
            "consent log": "What was banned, lifted and handed off, in the order it happened.",
        },
    )
