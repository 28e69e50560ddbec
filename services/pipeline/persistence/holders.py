"""In which columns opportunities hold values of lists."""

from services.pipeline.domain.lists import (
    OPPORTUNITY,
    OPPORTUNITY_SOURCE,
    OPPORTUNITY_TYPE,
    PIPELINE,
    REJECTION_REASON,
    STAGE,
)
from shared.lists.holders import Holder

HOLDERS = tuple(
    Holder(OPPORTUNITY, "opportunities", "opportunity_id", column=column, only=name, single=True)
    for name, column in (
        (PIPELINE, "pipeline"),
        (STAGE, "stage"),
        (REJECTION_REASON, "rejection"),
        (OPPORTUNITY_TYPE, "type"),
        (OPPORTUNITY_SOURCE, "origin"),
    )
)
