"""The network of `neumf`: what fits is learned as a function of person and item, a product number by number beside
layers that see both (He et al., "Neural Collaborative Filtering", WWW 2017). A person is the weighted mean of the
items that they met (as Kabbur, Ning and Karypis, "FISM", KDD 2013), so that nobody must have been there at the fit; an
item is what it is and what was learned of it.

b histories of t events, n items; vectors of width 2 w, the half of which goes into the product, the other into layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.item_features import Described
from shopkeeper.learn.models.config import NeuMfConfig
from shopkeeper.learn.models.export import exported
from shopkeeper.learn.models.item_tower import Pool, Tower
from shopkeeper.learn.models.losses import Drawn
from shopkeeper.learn.models.network import Dropout

AT_A_TIME = 4  # people that are held against every item


class NeuMf(Tower):
    def __init__(self, items: Described, n_terms: int, config: NeuMfConfig) -> None:
        w = config.width
        super().__init__(items, n_terms, config)
        self.pool = Pool(2 * w, config.length, attention=False)
        self.person = nn.Linear(2 * w, 2 * w, bias=False)
        nn.init.eye_(self.person.weight)
        self.product = nn.Parameter(torch.full((w,), 10.0))
        self.of_person, self.of_item = nn.Linear(w, w), nn.Linear(w, w, bias=False)  # the first layer, in two
        self.second, self.last = nn.Linear(w, w // 2), nn.Linear(w // 2, 1)
        self.dropout = Dropout(config.dropout)

    def wanted(self, history: Tensor, codes: Tensor) -> Tensor:
        return self.person(self.pool(self.dropout(history), codes))  # type: ignore[no-any-return]

    def scores(self, wanted: Tensor, vectors: Tensor) -> Tensor:
        return torch.cat([self.crossed(few, vectors) for few in torch.split(wanted, AT_A_TIME)])

    def crossed(self, wanted: Tensor, vectors: Tensor) -> Tensor:
        """wanted (b, 2 w), vectors (n, 2 w) → (b, n)."""
        (p, asked), (q, given) = wanted.chunk(2, dim=-1), vectors.chunk(2, dim=-1)
        x = torch.relu(self.of_person(asked)[:, None] + self.of_item(given))  # (b, n, w)
        x = torch.relu(self.second(x))  # (b, n, w / 2)
        return (p * self.product) @ q.transpose(-1, -2) + self.last(x)[..., 0]  # type: ignore[no-any-return]

    def loss(self, wanted: Tensor, vectors: Tensor, targets: Tensor, drawn: Drawn) -> Tensor:
        """Softmax among what is drawn, as `sampled_softmax`."""
        (p, asked), (q, given) = wanted.chunk(2, dim=-1), F.embedding(targets, vectors).chunk(2, dim=-1)
        x = torch.relu(self.second(torch.relu(self.of_person(asked) + self.of_item(given))))  # (n, w / 2)
        right = (p * self.product * q).sum(-1, keepdim=True) + self.last(x)  # (n, 1)
        others = self.crossed(wanted, F.embedding(drawn.rows, vectors)).float() - drawn.expected  # (n, k)
        others = others.masked_fill(targets[:, None] == drawn.rows, -torch.inf)
        return F.cross_entropy(torch.cat((right.float(), others), dim=1), torch.zeros_like(targets))

    def forward(self, history: Tensor, codes: Tensor, items: Tensor) -> Tensor:
        """history (t, 2 w), codes (t), items (n, 2 w) → (n)."""
        return self.crossed(self.wanted(history[None], codes[None])[:, -1], items)[0]

    def graph(self) -> bytes:
        width = self.person.in_features
        history, codes, items = torch.randn(3, width), torch.zeros(3, dtype=torch.long), torch.randn(5, width)
        inputs = {"history": history, "codes": codes, "items": items}
        return exported(
            self, inputs, {"history": {0: "t"}, "codes": {0: "t"}, "items": {0: "n"}, "fit": {0: "n"}}, "fit"
        )
