"""HTTP: what Algolia's clients and InstantSearch ask, answered by this shop.

params and filters: what is asked → our Request; answers and highlight: our Slate → what is expected; objects: records ↔
items; indices: names and settings; insights: events; recommend: shelves.
"""
