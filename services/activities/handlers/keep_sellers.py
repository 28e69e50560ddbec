"""Keep the sellers: who they are, and until when they were with us."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.engine import Row

from services.activities.persistence import sellers as store
from shared.chassis.errors import Kind, Refusal, check_version
from shared.chassis.unit_of_work import UnitOfWork


class SellerNotFound(Refusal):
    """There is no such seller."""

    kind = Kind.NOT_FOUND
    slug = "seller_not_found"
    remedy = "List them: GET /v1/sellers; add him: PUT /v1/sellers/{seller} without If-Match."


class SellerExists(Refusal):
    """There is a seller under this key already."""

    kind = Kind.CONFLICT
    slug = "seller_exists"
    remedy = "Fetch him and send his ETag in If-Match to change him, or choose another key."


class SellerInUse(Refusal):
    """A seller whom something names stays."""

    kind = Kind.CONFLICT
    slug = "seller_in_use"
    remedy = "Set `left_on` to his last day instead: he is given nothing new after it."


@dataclass(frozen=True, slots=True)
class SaveSeller:
    """What a person says about a seller; `left_on` is his last day."""

    name: str
    email: str | None = None
    left_on: date | None = None


async def save_seller(
    seller: str, command: SaveSeller, uow: UnitOfWork, *, expected: int | None
) -> Row[Any]:
    """
    Add a seller (`expected` None) or change one who is still at the expected version.

    Of several who do either at once, one does. What was assigned to a seller stays; from the day
    after his last, nothing new is.
    """
    if expected is not None:
        await _locked(seller, expected, uow)
    saved = await store.save_seller(
        uow.connection,
        seller,
        name=command.name,
        email=command.email,
        left_on=command.left_on,
        now=uow.now,
        expected=expected,
    )
    if saved is None:
        raise SellerExists(f"There is a seller {seller!r} already.")
    return saved


async def delete_seller(seller: str, uow: UnitOfWork, *, expected: int) -> Row[Any]:
    """Delete a seller whom nothing has ever named; return what he was."""
    # Locked before it is asked who names him: who is about to, waits, and then finds nobody.
    present = await _locked(seller, expected, uow)
    naming = await store.who_names(uow.connection, seller)
    if naming:
        raise SellerInUse(f"{seller!r} is named by {', '.join(naming)}.", facts={"named": naming})
    await store.delete_seller(uow.connection, seller)
    return present


async def _locked(seller: str, expected: int, uow: UnitOfWork) -> Row[Any]:
    present = await store.find_seller(uow.connection, seller, lock=True)
    if present is None:
        raise SellerNotFound(f"There is no seller {seller!r}.")
    check_version("seller", present.version, expected)
    return present
