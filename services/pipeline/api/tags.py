"""What the groups of routes are about, for the API's description."""

from services.pipeline.domain.lists import LISTS

TAGS = {
    "board": "Opportunities by stage, in the order in which people put them.",
    "opportunity-imports": "Opportunities out of files: mapped, rehearsed, run, undone.",
    "opportunities": "Expected sales: recorded, moved, won, lost, found.",
    "forecast-recounts": "What forecasts read, counted anew.",
    "forecasts": "What will be sold, by what it goes by, and what it covers of a target.",
    "exchange-rates": "What other currencies are worth in the house's, from which day on.",
    "history": "What changed of the values of lists.",
    "jobs": "What reads or changes many opportunities: how far it is, what came of it, cancelling.",
    "lists": "Which lists there are, and profiles to fill them.",
    "revenue-targets": "How much is to be sold, of whom, by month and quarter.",
    "user-groups": "Who sells together, below whom, from when until when.",
    "forecast-history": "What was believed at a moment, and why it is another now.",
    "pipeline-reports": "How opportunities go through the stages, and what stages are worth.",
    **{one.path: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in LISTS.values()},
}
