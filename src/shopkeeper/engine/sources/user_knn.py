"""What people of like taste met: user-based collaborative filtering by nearest neighbours.

It is `session_knn` with one session for each person: all that they did, in which order and distance say little. People
are alike by the cosine of what they met, where rare items count more, and who did little is less like anybody by a
shrinkage (Herlocker, Konstan, Borchers and Riedl, "An Algorithmic Framework for Performing Collaborative Filtering",
SIGIR 1999; rarity after Breese, Heckerman and Kadie, "Empirical Analysis of Predictive Algorithms for Collaborative
Filtering", UAI 1998). Neighbours are sought at each request, by what the person did until now, so that somebody new has
some after one click.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta

from shopkeeper.engine.sources.session_knn import SessionKnn, SessionKnnConfig
from shopkeeper.engine.sources.together import Trail
from shopkeeper.settings import Positive, Share, Tuned


class UserKnnConfig(SessionKnnConfig, frozen=True, forbid_unknown_fields=True):
    """As that of `session_knn`, where a session is a person."""

    length: Positive = 300
    neighbours: Annotated[Positive, Tuned(50, 2_000, log=True)] = 300
    look_back: Positive = 100
    recency: Annotated[Share, Tuned(0.5, 1.0)] = 0.9
    across: Share = 1.0
    half_life_days: Annotated[float, Meta(gt=0.0)] = 365.0
    nearness: Share = 1.0
    preceding: Share = 1.0


class UserKnn(SessionKnn):
    """The recipe of the source `user_knn`."""

    name = "user_knn"
    when = "people who come back, with tastes that last: what their likes met, whatever the order"
    reason = "met by people like you"
    config_type = UserKnnConfig

    def _divided(self, trail: Trail) -> Trail:
        return trail._replace(visits=np.full_like(trail.visits, -1))
