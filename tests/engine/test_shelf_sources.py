"""What every source owes, of the sources that learn from events."""

from __future__ import annotations

from source_contract import SourceContract

from shopkeeper.engine.sources.new import New
from shopkeeper.engine.sources.popular import Popular, Trending
from shopkeeper.engine.sources.recent import Recent
from shopkeeper.engine.sources.together import BoughtTogether, ViewedTogether


class TestViewedTogether(SourceContract):
    recipe = ViewedTogether


class TestBoughtTogether(SourceContract):
    recipe = BoughtTogether


class TestPopular(SourceContract):
    recipe = Popular()


class TestTrending(SourceContract):
    recipe = Trending()


class TestNew(SourceContract):
    recipe = New()


class TestRecent(SourceContract):
    recipe = Recent()
