"""A value is given while its attribute becomes another one, and the other way round (LS-A11)."""

import asyncio

import httpx
import pytest

from services.customers.handlers.customer_lists import CUSTOMER_LISTS
from shared.chassis.service import Service
from shared.lists.save import SaveListValue, change_value
from tests.integration.customers.attributes import (
    PATHS,
    attribute,
    choice,
    give,
    holding,
    outlaws,
    record,
)
from tests.integration.locks import waits


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("of", PATHS)
async def test_who_gives_a_value_while_its_type_changes_is_refused(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    number = await attribute(api, "Level", "text", of=of)
    who = await record(api, of)
    async with customers.units() as unit:
        await change_value(
            CUSTOMER_LISTS,
            f"{of}_attribute",
            number,
            SaveListValue("Level", facts={"value_type": "date"}),
            unit,
            expected=1,
        )
        giving = asyncio.create_task(give(api, who, values={str(number): "gold"}))
        await waits(customers)

    assert (await giving).status_code == 422
    assert await outlaws(customers) == []


@pytest.mark.requirement("LS-A11")
@pytest.mark.parametrize("of", PATHS)
async def test_choices_and_types_changed_at_once_never_disagree(
    customers: Service, api: httpx.AsyncClient, of: str
) -> None:
    path, choices = PATHS[of]
    for _ in range(5):
        one, other = [await attribute(api, f"L{_}{n}", "list", of=of) for n in range(2)]
        level = await attribute(api, f"T{_}", "text", of=of)
        north = await choice(api, "North", one, of=of)
        who = await record(api, of)
        headers = {"If-Match": '"1"'}
        answers = await asyncio.gather(
            give(api, who, choices=[north], values={str(level): "gold"}),
            api.put(
                f"/v1/{choices}/{north}", json={"title": "North", "parent": other}, headers=headers
            ),
            api.put(
                f"/v1/{path}/{level}", json={"title": "T", "value_type": "number"}, headers=headers
            ),
            api.delete(f"/v1/{path}/{one}", params={"move_to": other}, headers=headers),
        )
        assert {answer.status_code for answer in answers} <= {200, 404, 409, 412, 422}
        assert await outlaws(customers) == [], await holding(api, who)
