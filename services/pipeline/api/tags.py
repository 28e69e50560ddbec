"""What the groups of routes are about, for the API's description."""

from services.pipeline.domain.lists import LISTS

TAGS = {
    "forecast-history": "What was believed at a moment, and why it is another now.",
    "lists": "Which lists there are.",
    "pipeline-reports": "How opportunities go through the stages, and what stages are worth.",
    **{one.path: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in LISTS.values()},
}
