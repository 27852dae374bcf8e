"""Shopkeeper: the search box and the shelves of an online shop, learned from its own catalogue and clicks."""

__version__ = "0.1.0"
