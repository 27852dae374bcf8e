"""The words of the report, each in a plain sentence: on the heads of its tables, and together at its end."""

from __future__ import annotations

from shopkeeper.learn.evaluate import K
from shopkeeper.learn.groups import HEAVY_FROM, NEW_DAYS, REGULAR_FROM

GLOSSARY = {
    "system": "Who answers: served is what the shop shows, popularity the most popular items, the same for everybody, "
    "and each other name one source alone; popularity is left out where the source popular has the same figures.",
    "contestant": "Who competed to serve: fused, weighted_sum and vote merge what all sources propose, rankers such as "
    "lambdamart have learned to order it, and each other name is one source alone.",
    "test part": "Requests held back and looked at once, when all was chosen: they tell what to expect.",
    "validation part": "Other requests held back, by which it was chosen who serves: they flatter the winner a little.",
    "small print": "With other requests of the same kind, the figure would lie between these two 95 times in 100.",
    f"ndcg@{K}": f"How high what was wanted stands among the first {K}, from 0, never there, to 1, always on top; "
    "contestants are chosen by this.",
    f"hr@{K}": f"Hit rate: the share of the requests that have something wanted among the first {K}.",
    f"mrr@{K}": "One divided by the place of the first wanted item, on average: 1 where it is always first, 0.5 where "
    f"always second, 0 where it is never among the first {K}.",
    f"map@{K}": "As MRR, but for all that was wanted; left out where it says the same.",
    f"precision@{K}": f"The share of the first {K} places that hold something wanted.",
    f"recall@{K}": f"The share of all that was wanted that is among the first {K}; left out where it says the same as "
    "the hit rate.",
    f"diversity@{K}": "The share of the pairs of items in one list that are of different categories.",
    f"novelty@{K}": "How little known the items shown are: each 1 more means half as popular.",
    f"coverage@{K}": "The share of the catalogue that anybody was shown.",
    "newcomers": f"Requests of people of whom fewer than {REGULAR_FROM} events were known at that moment.",
    "regulars": f"Requests of people of whom {REGULAR_FROM} to {HEAVY_FROM - 1} events were known.",
    "heavy users": f"Requests of people of whom {HEAVY_FROM} or more events were known.",
    "head items": "Requests for one of the few most met items, which together have half of all events.",
    "tail items": "Requests for one of the many other items that somebody had met.",
    "new items": f"Requests for an item that nobody had met, or that came in the last {NEW_DAYS} days.",
    "served better": "The share of 1,000 samples, drawn by chance from the requests, in which what is served is ahead.",
    "fit, s": "Seconds that it last took to fit all that a contestant is made of.",
    "answer, ms": "Milliseconds within which 95 of 100 answers come.",
    "an answer, ms": "Milliseconds of the median answer of one model by itself.",
    "MB": "What it takes on the disk.",
}
