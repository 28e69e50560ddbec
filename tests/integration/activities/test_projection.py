"""What activities keeps of the lists that sort customers."""

from itertools import permutations
from typing import Any
from uuid import uuid4

from shared.chassis.service import Service
from shared.contracts.customers import ClassificationSaved
from shared.projection.store import find_values
from tests.integration.activities.hearing import hear, told


async def test_a_value_is_kept_with_its_flags_as_its_newest_version_says(
    activities: Service,
) -> None:
    for place, order in enumerate(permutations(range(3))):
        number = 1000 + place
        versions: list[dict[str, Any]] = [
            {"title": "Former", "flags": {"ended": False, "default": True}},
            {"title": "Ended", "flags": {"ended": True}},
            {"title": "Gone", "removed": True},
        ]
        words = [
            ClassificationSaved(
                list_name="customer_status",
                value_id=uuid4(),
                version=one + 1,
                number=number,
                **versions[one],
            )
            for one in order
        ]
        highest = 0
        for word in words:
            highest = max(highest, word.version)
            await hear(activities, [told(word)])
            async with activities.engine.connect() as connection:
                found = await find_values(connection, [f"customer_status/{number}", "other/1"])
            wanted = versions[highest - 1]
            assert {
                token: (row.number, row.title, row.flags, row.removed)
                for token, row in found.items()
            } == {
                f"customer_status/{number}": (
                    number,
                    wanted["title"],
                    wanted.get("flags", {}),
                    wanted.get("removed", False),
                )
            }
