"""What we tell: facts of the domain, translated into the published language."""

from services.mailing.domain import events
from shared.chassis.messages import Publication, RecordedEvent
from shared.contracts import mailing
from shared.contracts.wiring import publication

SOURCE = "/suhde/mailing"


def translate(event: RecordedEvent) -> Publication:
    """Return the public form of a recorded fact."""
    if isinstance(event, events.ConsentProbed):
        # Each probe is a subject of its own: none waits behind another that failed.
        return publication(mailing.ConsentProbed(nonce=event.nonce), subject=str(event.nonce))
    if isinstance(event, events.AddressBanned):
        banned = mailing.ContactUnsubscribed(
            ban_id=event.ban_id,
            channel=event.channel.value,
            address=event.address,
            source=event.source,
            at=event.at,
        )
        return publication(banned, subject=str(event.ban_id))
    if isinstance(event, events.AddressBounced):
        bounced = mailing.AddressBounced(
            stop_id=event.stop_id,
            hand_off_id=event.hand_off_id,
            contact_id=event.contact_id,
            channel=event.channel.value,
            kind=event.kind.value,
            reported_at=event.reported_at,
            at=event.at,
        )
        return publication(bounced, subject=str(event.stop_id))
    if isinstance(event, events.RecipientHandedOff):
        handed = mailing.RecipientHandedOff(
            hand_off_id=event.hand_off_id,
            contact_id=event.contact_id,
            channel=event.channel.value,
            purpose=event.purpose.value,
            campaign=event.campaign,
            consent_seq=event.consent_seq,
            at=event.at,
        )
        return publication(handed, subject=str(event.hand_off_id))
    if isinstance(event, events.SegmentMembersChanged):
        return publication(_moved(event), subject=str(event.segment_id))
    raise TypeError(f"no publication is known for {type(event).__name__}")


def _moved(event: events.SegmentMembersChanged) -> mailing.SegmentMembersChanged:
    last = event.moves[-1].position if event.moves else event.position or 0
    return mailing.SegmentMembersChanged(
        segment_id=event.segment_id,
        position=last,
        at=event.at,
        moves=[
            mailing.MemberMove(
                position=move.position,
                contact_id=move.contact_id,
                entered=move.entered,
                cause=move.cause,
                told_type=move.told_type,
                told_by=move.told_by,
            )
            for move in event.moves
        ],
        replaced=event.replaced,
    )
