"""In which columns activities hold values of lists."""

from services.activities.domain.lists import (
    ACTIVITY,
    ACTIVITY_ATTRIBUTE,
    ACTIVITY_CATEGORY,
    ACTIVITY_KIND,
    ACTIVITY_TYPE,
)
from shared.lists.holders import Holder

HOLDERS = (
    *(
        Holder(ACTIVITY, "activities", "activity_id", column=column, only=name, single=True)
        for name, column in (
            (ACTIVITY_CATEGORY, "category"),
            (ACTIVITY_KIND, "kind"),
            (ACTIVITY_TYPE, "type"),
        )
    ),
    Holder(ACTIVITY, "activities", "activity_id", column="attributes", only=ACTIVITY_ATTRIBUTE),
)
