"""tables → release: choose on the validation part, measure on the test part, fit on everything, publish."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from shopkeeper.data.tables import Tables
from shopkeeper.engine.models import check_fits
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.wording import Analyser
from shopkeeper.errors import DataError, ReleaseError
from shopkeeper.learn.costs import Cost, costs_of, together
from shopkeeper.learn.evaluate import SERVED, Figures, evaluate
from shopkeeper.learn.groups import groups_of
from shopkeeper.learn.incumbent import Incumbent, defend
from shopkeeper.learn.judged import CROSS_ENCODER, ENCODER, parted, readers_of
from shopkeeper.learn.leaks import checked, leaks, refuse
from shopkeeper.learn.replay import Scorer, fused
from shopkeeper.learn.report import Evaluation, write_report
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.reranking import Lessons, check, earned
from shopkeeper.learn.split import Part, Split, split
from shopkeeper.learn.stages import Stage, stages_of
from shopkeeper.learn.synonyms import propose
from shopkeeper.learn.tournament import FUSED, Winner, compete, compete_judged
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.images import Images
from shopkeeper.release.store import Release, ReleaseStore
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Progress, silent

SEARCH = "search"  # the surface that judgements speak of
JUDGED, JUDGED_ALONE = "search, judged by people", "search, judged by people, judged items only"

_log = logging.getLogger(__name__)


def train(
    tables: Tables,
    settings: Settings,
    releases: ReleaseStore,
    progress: Progress = silent,
    *,
    if_better: bool = False,
) -> Release:
    """A release of the shop, published and current; older ones beyond `settings.release.keep` are removed.

    A shop without events, or without items, is released too: with what can be made of what there is.
    if_better: where the current release's choice for a surface is not surely beaten on the newest requests, the new
    release keeps it, on today's data.
    Raises DataError without tables, for tables that contradict themselves, and with `if_better` for those that lost
    most of what the current release knows; ReleaseError while another training runs, or where a replay of the past
    knows the future; MissingExtraError and SettingsError for an encoder or a model that cannot be had or fitted.
    """
    with releases.draft() as draft, tables.held() as tables:
        _require(tables, settings)
        incumbent = _incumbent(releases) if if_better else None
        cache = releases.root.parent / "cache"
        live = tables.live  # before the tables are read: an event that comes twice is better than one lost
        shop = Workshop.open(tables, settings, cache, progress, held=incumbent.surfaces if incumbent else ())
        if incumbent:
            incumbent.require_whole(shop)
        parts = split(shop.interactions, settings.train, shop.now)
        judged, readers = _judged(tables, shop)
        chosen = _chosen(shop, parts, judged, readers, incumbent, cache, progress)
        shop = chosen.shop
        asked = shop.requests(parts.test) if parts else {}
        figures, stages = _measure(shop, parts.test, asked, chosen.rankers, progress) if parts else ({}, {})
        engine = shop.released(chosen.rankers)
        figures |= _judge(engine, judged, chosen.winners.get(SEARCH), settings.train.seed, progress)
        progress("publish", 0, 1)
        engine.save(draft)
        _save_images(tables, shop, draft)
        costs = costs_of(engine, asked, shop.fitter.seconds, draft / "sources") | chosen.costs
        evaluation = _evaluation(chosen, figures, stages, costs)
        write_report(evaluation, draft / "evaluation", settings.shop.name, shop.now)
        release = releases.publish(
            draft,
            settings=engine.settings,
            sources={"tables": tables.fingerprint()},
            live=live,
            metrics=msgspec.to_builtins(evaluation),
        )
        releases.prune(settings.release.keep)
        progress("publish", 1, 1)
        return release


def _require(tables: Tables, settings: Settings) -> None:
    """Raises as `train`, before anything is read."""
    if not tables.folder.is_dir():
        raise DataError("there are no tables", where=str(tables.named), remedy="Make them with: shopkeeper ingest")
    check_fits(settings)
    check(settings.cross_encoder)


@dataclass(frozen=True)
class _Chosen:
    """winners: by surface; shop: as they serve it; checked: how many requests were checked for leaks; costs: of all
    rankers that competed; reread: what came of reading the first answers again."""

    shop: Workshop
    winners: Mapping[str, Winner]
    checked: int
    costs: dict[str, Cost]
    reread: str

    @property
    def rankers(self) -> dict[str, Ranker]:
        return {name: winner.ranker for name, winner in self.winners.items() if winner.ranker}


def _chosen(
    shop: Workshop,
    parts: Split | None,
    judged: Sequence[Asked],
    readers: Sequence[Asked],
    incumbent: Incumbent | None,
    cache: Path,
    progress: Progress,
) -> _Chosen:
    winners, unleaking = _choose(shop, parts.validation, judged, progress) if parts else ({}, 0)
    by_judgements = bool(judged) and (SEARCH not in winners or winners[SEARCH].choice.figures is None)
    if by_judgements:  # no clicks could decide
        winners[SEARCH] = _choose_by_judgements(shop, judged, progress)
        incumbent = incumbent and incumbent.without(SEARCH)
    costs = together(winner.choice.costs for winner in winners.values())
    if incumbent:
        winners = defend(incumbent, shop, parts.test if parts else None, winners, progress)
    shop = shop.with_surfaces({name: winner.surface for name, winner in winners.items()})
    standing = incumbent.rereading(shop.settings.cross_encoder) if incumbent else None
    graded = (judged, readers) if by_judgements else ([], readers)
    shop, reread = _reread(shop, parts, winners.get(SEARCH), *graded, standing, cache, progress)
    return _Chosen(shop, winners, unleaking, costs, reread)


def _evaluation(
    chosen: _Chosen,
    figures: dict[str, Figures],
    stages: dict[str, dict[str, Stage]],
    costs: dict[str, Cost],
) -> Evaluation:
    shop, examination = chosen.shop, chosen.shop.examination
    return Evaluation(
        items=len(shop.catalogue),
        events=len(shop.interactions),
        surfaces=figures,
        choices={name: winner.choice for name, winner in chosen.winners.items()},
        checked_for_leaks=chosen.checked,
        costs=costs,
        unasked=_unasked(shop, figures),
        synonyms=propose(shop.searches, Analyser.of(shop.settings.search.languages)),
        stages=stages,
        looked_at=tuple(examination.looked.tolist()) if examination else (),
        looked_at_by_swaps=examination.swapped if examination else 0,
        encoder=shop.made.told,
        cross_encoder=chosen.reread,
    )


def _save_images(tables: Tables, shop: Workshop, draft: Path) -> None:
    if tables.paths("images"):
        Images.build(tables.pictures(), shop.catalogue.ids, draft / "images")


def _incumbent(releases: ReleaseStore) -> Incumbent | None:
    try:
        return Incumbent.of(releases.current())
    except ReleaseError as error:
        if releases.list():
            _log.warning("The current release cannot be held against what is learned now. %s", error)
        return None


def _judged(tables: Tables, shop: Workshop) -> tuple[list[Asked], list[Asked]]:
    """The queries that people have graded; and apart those that teach a cross-encoder, where one is wanted. Of many,
    some."""
    settings = shop.settings
    asked = judgements_of(tables.table("judgements"), shop.catalogue.ids) if SEARCH in settings.surfaces else []
    rankers, parts = parted(asked, readers_of(settings))
    unused = [] if shop.made.tuned else parts.get(ENCODER, [])
    if CROSS_ENCODER in parts:
        return _some(rankers, settings), _some(parts[CROSS_ENCODER] + unused, settings)
    return _some(rankers + unused, settings), []


def _some(asked: Sequence[Asked], settings: Settings) -> list[Asked]:
    some = np.random.default_rng(settings.train.seed).permutation(len(asked))[: settings.train.max_requests]
    return [asked[at] for at in np.sort(some)]


def _choose_by_judgements(shop: Workshop, judged: Sequence[Asked], progress: Progress) -> Winner:
    return compete_judged(shop.engine({}), SEARCH, judged, seed=shop.settings.train.seed, progress=progress)


def _choose(shop: Workshop, part: Part, judged: Sequence[Asked], progress: Progress) -> tuple[dict[str, Winner], int]:
    """What won each surface, and how many requests were checked for leaks."""
    engine, asked = shop.engine_of(part, {}, "fit for validation"), shop.requests(part)
    refuse(leaks(engine, asked))
    winners = {
        name: compete(
            engine,
            name,
            requests,
            seed=shop.settings.train.seed,
            progress=progress,
            judged=judged if name == SEARCH else (),
        )
        for name, requests in asked.items()
    }
    if part.all.has_clock:
        until = float(part.history.times.max())
        winners = {name: winner.noting(until=until) for name, winner in winners.items()}
    for name, surface in shop.settings.surfaces.items():
        dropped = {one: why for one, why in shop.fitter.dropped.items() if one in surface.sources}
        if dropped and name in winners:
            winners[name] = winners[name].noting(dropped={**dropped, **winners[name].choice.dropped})
    return winners, len(checked(engine, asked))


def _reread(
    shop: Workshop,
    parts: Split | None,
    winner: Winner | None,
    judged: Sequence[Asked],
    readers: Sequence[Asked],
    standing: Reranker | None,
    cache: Path,
    progress: Progress,
) -> tuple[Workshop, str]:
    """The shop whose engines read the first answers of search again, if that is earned; and what came of it, "" where
    it is not wanted. judged: by what people have graded, where no clicks decide; standing: the incumbent's."""
    if shop.settings.cross_encoder.model == "none":
        return shop, ""
    if winner is None:
        return replace(shop, reranker=standing), "nothing that anybody searched for, or graded, says whether it helps"
    rankers = {SEARCH: winner.ranker} if winner.ranker else {}
    if judged or parts is None:
        engine, lessons = shop.engine(rankers), Lessons.by_judgements(readers, judged, winner.unseen)
    else:
        engine = shop.engine_of(parts.validation, rankers, "fit for validation")
        lessons = Lessons.by_clicks(shop.requests(parts.validation).get(SEARCH, []), readers)
    reranker, told = earned(engine, SEARCH, lessons, cache, progress, standing)
    return replace(shop, reranker=reranker), told


def _measure(
    shop: Workshop, part: Part, asked: Mapping[str, Sequence[Asked]], rankers: Mapping[str, Ranker], progress: Progress
) -> tuple[dict[str, Figures], dict[str, dict[str, Stage]]]:
    engine, seed = shop.engine_of(part, rankers, "fit for test"), shop.settings.train.seed
    figures = {
        name: evaluate(
            engine,
            requests,
            groups=groups_of(engine, part, requests),
            seed=seed,
            progress=progress,
            stage=f"measure {name}",
        )
        for name, requests in asked.items()
    }
    stages = {
        name: stages_of(engine, requests, seed=seed, progress=progress)
        for name, requests in asked.items()
        if name in engine.rankers or len(engine.sources_of(name)) > 1
    }
    return figures, stages


def _judge(
    engine: Engine, asked: Sequence[Asked], winner: Winner | None, seed: int, progress: Progress
) -> dict[str, Figures]:
    """Search against people's judgements, where the shop has some: over the whole catalogue, where what nobody judged
    counts as wrong, and over the judged items alone. Of a ranker that learned from them these are the figures in folds:
    of queries that it had not seen; none for an older release's, whose folds are gone."""
    if not asked or (winner and winner.choice.from_judgements and not winner.unseen):
        return {}
    scorers: dict[str, Scorer] = {SERVED: winner.unseen.scorer(engine) if winner and winner.unseen else engine.score}
    if SEARCH in engine.rankers:
        scorers[FUSED] = fused(engine, engine.settings.surfaces[SEARCH].fusion)
    return {
        name: evaluate(
            engine,
            asked,
            scorers=scorers,
            among_judged=among,
            seed=seed,
            progress=progress,
            stage="measure search by judgements",
        )
        for name, among in ((JUDGED, False), (JUDGED_ALONE, True))
    }


def _unasked(shop: Workshop, figures: Mapping[str, Figures]) -> tuple[str, ...]:
    """The surfaces that leave something to choose, and of which nothing was measured."""
    measured = {*figures, *(["search"] if JUDGED in figures else [])}
    return tuple(name for name in shop.settings.surfaces if name in shop.open_to_choice and name not in measured)
