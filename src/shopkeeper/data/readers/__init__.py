"""Readers: a file, a folder or a database → exports, whose columns are still called what the source called them."""

from shopkeeper.data.readers.base import Export
from shopkeeper.data.readers.discover import discover, discover_all

__all__ = ["Export", "discover", "discover_all"]
