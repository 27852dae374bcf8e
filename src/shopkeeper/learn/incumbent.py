"""The release that serves now, held against what was learned today: on each surface its choice stays unless the new one
surely answers the newest requests better. Both are fitted on today's data, so that only the choices differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from shopkeeper.engine.keeping import RANKERS, RERANKER
from shopkeeper.engine.opening import settings_of
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.sources import recipes
from shopkeeper.errors import DataError, ReleaseError, SettingsError
from shopkeeper.learn.evaluate import SERVED, K, measure
from shopkeeper.learn.latency import FEWEST_TO_TIME, time_answers
from shopkeeper.learn.metrics import Values, compare
from shopkeeper.learn.replay import Scorer, learned, replay
from shopkeeper.learn.report import Evaluation
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.school import LEARNED
from shopkeeper.learn.split import Part
from shopkeeper.learn.tournament import CONFIDENCE, FEWEST_TO_JUDGE, Contest, Winner, mute
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.store import Release
from shopkeeper.settings import CrossEncoderSettings, Surface
from shopkeeper.vocabulary import Progress

TOO_FEW = "too few requests came since it was chosen to judge by: it stays"
BETTER = "what was learned today beat it on the newest requests"
ALIKE = "what was learned today answers alike"
NOT_BETTER = "what was learned today did not surely beat it on the newest requests: it stays"
TOO_SLOW = "it takes {:.3g} ms, above the {:g} ms of the surface, and what was learned today does not"
MUTE = "its sources have nothing to say to the newest requests"
LEAST_LEFT = 0.5  # of the items and of the events that the incumbent knew: with less, an export is rather broken


@dataclass(frozen=True)
class Incumbent:
    """What won each surface when the release was trained, and how many items and events it knew; and what reads its
    first answers again, by these settings."""

    release: str
    winners: dict[str, Winner]
    items: int
    events: int
    reranker: Reranker | None
    cross_encoder: CrossEncoderSettings

    @classmethod
    def of(cls, release: Release) -> Incumbent:
        """Surfaces whose sources are not installed any more are left out. Raises ReleaseError for a release that does
        not say how it was chosen, or that cannot be read."""
        try:
            evaluation = msgspec.convert(release.manifest.metrics, Evaluation)
        except msgspec.ValidationError as error:
            raise ReleaseError(f"it does not say how it was chosen ({error})", where=str(release.path)) from None
        settings, reranker = settings_of(release), release.path / RERANKER
        surfaces = settings.surfaces
        winners = {
            name: Winner(surfaces[name], _ranker(release, name, surfaces[name]), choice)
            for name, choice in evaluation.choices.items()
            if name in surfaces and _installed(surfaces[name])
        }
        return cls(
            release.id,
            winners,
            evaluation.items,
            evaluation.events,
            Reranker.load(reranker) if reranker.is_dir() else None,
            settings.cross_encoder,
        )

    def rereading(self, wanted: CrossEncoderSettings) -> Reranker | None:
        """What reads the first answers again, where that is what is wanted today."""
        return self.reranker if wanted == self.cross_encoder else None

    def without(self, name: str) -> Incumbent:
        """Where its choice for a surface is not held against the new one."""
        return replace(self, winners={other: won for other, won in self.winners.items() if other != name})

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        return tuple(winner.surface for winner in self.winners.values())

    def require_whole(self, shop: Workshop) -> None:
        """Raises DataError when so much is gone since this release that an export seems to be broken."""
        then_and_now = {
            "items": (self.items, len(shop.catalogue)),
            "events": (self.events, len(shop.interactions)),
        }
        for what, (then, now) in then_and_now.items():
            if now < LEAST_LEFT * then:
                raise DataError(
                    f"the tables hold {now:,} {what}, the current release knows {then:,}, and stays",
                    where="tables",
                    expected=f"at least {LEAST_LEFT:.0%} of what it knows",
                    remedy="Check the exports. If so much is really gone: shopkeeper train",
                )


def defend(
    incumbent: Incumbent, shop: Workshop, part: Part | None, winners: Mapping[str, Winner], progress: Progress
) -> dict[str, Winner]:
    """What serves each surface: the incumbent's choice, or else the new one of `winners`, where it surely answers the
    requests of `part` better. Neither has learned from these. How it went is in `Choice.contest`."""
    today = shop.settings.surfaces
    olds = {name: _obeying(today[name], old) for name, old in incumbent.winners.items() if name in today}
    if part is None:
        nobody = Contest(incumbent.release, kept=True, why=TOO_FEW)
        return {**winners, **{name: old.noting(contest=nobody) for name, old in olds.items()}}
    ours, theirs = _Side.of(shop, part, winners), _Side.of(shop, part, olds)
    asked = ours.shop.requests(part)
    decided = {}
    for name, old in olds.items():
        contest = _contest(name, incumbent.release, ours, theirs, _unseen(asked.get(name, []), old), progress)
        decided[name] = (old if contest.kept else winners[name]).noting(contest=contest)
    return {**winners, **decided}


@dataclass(frozen=True)
class _Side:
    """One side of the contests: its choices, in a shop of its surfaces, and an engine without rankers."""

    winners: Mapping[str, Winner]
    shop: Workshop
    engine: Engine

    @classmethod
    def of(cls, shop: Workshop, part: Part, winners: Mapping[str, Winner]) -> _Side:
        shop = shop.with_surfaces({name: winner.surface for name, winner in winners.items()})
        return cls(winners, shop, shop.engine_of(part, {}, "fit for the contest"))

    def fits(self, name: str) -> bool:
        """Whether the ranker reads what is computed today."""
        ranker = self.winners[name].ranker
        return ranker is None or ranker.names == self.engine.feature_names(name)

    def values(self, name: str, asked: Sequence[Asked], progress: Progress) -> Values:
        """float64 [requests]: how good the answers are, by MEASURE."""
        scorers = {SERVED: self._scorer(name)}
        answers = replay(self.engine, asked, scorers, K, progress=progress, stage=f"contest for {name}")
        return measure(self.engine, answers[SERVED], asked)["ndcg"]

    def answer_ms(self, name: str, asked: Sequence[Asked], progress: Progress) -> float:
        """Milliseconds within which nearly all answers come (learn/latency.py)."""
        laps = time_answers(self.engine, asked, {SERVED: self._scorer(name)}, progress=progress)
        return laps.answer_ms(SERVED, laps.sources)

    def _scorer(self, name: str) -> Scorer:
        ranker = self.winners[name].ranker
        return self.engine.score if ranker is None else learned(self.engine, ranker)


def _contest(
    name: str, release: str, ours: _Side, theirs: _Side, asked: Sequence[Asked], progress: Progress
) -> Contest:
    old, new = theirs.winners[name], ours.winners.get(name)
    if new is not None and (new.surface.needs != old.surface.needs or not theirs.fits(name)):
        return Contest(release, kept=False, why="what it was chosen for is no longer what is asked of it")
    if new is not None and new.surface == old.surface and new.ranker == old.ranker:
        return Contest(release, kept=False, why="the same was chosen again")
    if new is None or len(asked) < FEWEST_TO_JUDGE:
        return Contest(release, kept=True, why=TOO_FEW, requests=len(asked))
    if mute(theirs.engine, asked):
        return Contest(release, kept=False, why=MUTE, requests=len(asked))
    budget_ms = old.surface.budget_ms
    if budget_ms and len(asked) >= FEWEST_TO_TIME:
        slow = theirs.answer_ms(name, asked, progress)
        if slow > budget_ms >= ours.answer_ms(name, asked, progress):
            return Contest(release, kept=False, why=TOO_SLOW.format(slow, budget_ms), requests=len(asked))
    here, there = (side.values(name, asked, progress) for side in (ours, theirs))
    beats = compare(here, there, ours.shop.settings.train.seed)
    better, alike = beats.chance_better >= CONFIDENCE, bool((here == there).all())
    why = BETTER if better else ALIKE if alike else NOT_BETTER
    return Contest(release, kept=not (better or alike), why=why, requests=len(asked), beats=beats)


def _obeying(today: Surface, old: Winner) -> Winner:
    """Under today's policies and budget, which are a person's word: nothing that learning may choose."""
    policies = {"exclude": today.exclude, "diversity": today.diversity, "budget_ms": today.budget_ms}
    return replace(old, surface=msgspec.structs.replace(old.surface, **policies))


def _unseen(asked: Sequence[Asked], old: Winner) -> list[Asked]:
    """The requests from which the incumbent's choice cannot have been learned."""
    until = old.choice.until
    return [one for one in asked if until is None or one.request.time is None or one.request.time > until]


def _ranker(release: Release, name: str, surface: Surface) -> Ranker | None:
    directory = release.path / RANKERS / name
    return Ranker.load(directory) if surface.rank == LEARNED and directory.is_dir() else None


def _installed(surface: Surface) -> bool:
    try:
        recipes(surface.sources)
    except SettingsError:
        return False
    return True
