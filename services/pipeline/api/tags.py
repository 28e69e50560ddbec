"""What the groups of routes are about, for the API's description."""

from services.pipeline.domain.lists import LISTS

TAGS = {
    "exchange-rates": "What other currencies are worth in the house's, from which day on.",
    "history": "What changed of the values of lists.",
    "lists": "Which lists there are, and profiles to fill them.",
    "revenue-targets": "How much is to be sold, of whom, by month and quarter.",
    "user-groups": "Who sells together, below whom, from when until when.",
    **{one.path: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in LISTS.values()},
}
