"""The mapper: from any folder of exports to a proposal of what each file is and what each column means."""

from __future__ import annotations

from shopkeeper.data.mapper.propose import propose

__all__ = ["propose"]
