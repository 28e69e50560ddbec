"""What the groups of routes are about, for the API's description."""

from services.activities.domain.lists import LISTS

TAGS = {
    "activities": "What was done with customers, and what is to be done.",
    "activity-imports": "Activities out of files: mapped, rehearsed, run, undone.",
    "attachments": "Memos and documents of an activity, available to all.",
    "activity-statistics": "How many activities there were, by whatever sorts them.",
    "seller-view": "What a seller has done and is to do, by the cards of the installation.",
    "calendar-feeds": "A seller's activities in his own calendar, by an address that is a secret.",
    "jobs": "What changes many activities: how far it is, what came of it, cancelling.",
    "history": "What changed of activities and of the values of their lists.",
    "targets": "How many pieces are wanted of whom, by week and month.",
    "target-exceptions": "Periods in which less is wanted, such as holidays.",
    "target-progress": "How far sellers and groups are, who leads, what is to be expected.",
    "target-recounts": "Targets recounted from activities.",
    "lists": "Which lists there are.",
    "timelines": "What was done with a customer or a contact, and what became of it.",
    "sellers": "Who sells, until when, and in which groups.",
    **{one.path: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in LISTS.values()},
}
