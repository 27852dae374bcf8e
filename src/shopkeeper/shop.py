"""Shop: one directory, one object, every job as one method."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from shopkeeper.data.curation import FILE as CURATION
from shopkeeper.data.curation import Curation, check_id, check_synonym
from shopkeeper.data.eventlog import EventLog, LazyLog
from shopkeeper.data.eventlog.unanswered import Unanswered
from shopkeeper.data.mapping import Mapping, append_mapping, read_mapping, write_mapping
from shopkeeper.data.tables import Tables
from shopkeeper.engine.live import Lag, LiveEngine
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.preview import Preview, preview
from shopkeeper.engine.recent_searches import FORGOTTEN
from shopkeeper.errors import DataError, MissingExtraError, RequestError, did_you_mean
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.store import Release, ReleaseStore
from shopkeeper.settings import DataSettings, Rule, Settings, ShopSettings, Synonym
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import (
    Change,
    Event,
    EventType,
    Explanation,
    Item,
    Progress,
    Request,
    Shown,
    Slate,
    Suggested,
    silent,
)

if TYPE_CHECKING:
    from shopkeeper.data.mirror import Mirrored
    from shopkeeper.data.report import IngestReport
    from shopkeeper.doctor import Check
    from shopkeeper.learn.tune import Tuning

NAMELESS = ("session:", "order:")  # how the actor of an event begins that names nobody


class Shopper(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person of the shop to try it as: what they like most, and how many events are known of them."""

    user: str | None = None
    session: str | None = None
    likes: tuple[str, ...] = ()
    events: int = 0


class Shop:
    """The shop in `directory`. Raises SettingsError when that holds no valid shop.toml.

    Reading methods (`answer`, `record`, …) may be called from many threads at once.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.releases = ReleaseStore(self.directory / "releases")
        self._log = LazyLog(self.directory / "events.sqlite")
        self.curation = Curation(self.directory / CURATION)
        self._live = LiveEngine(self.directory / "shop.toml", self.releases, self._log.opened, self.curation)

    @classmethod
    def new(cls, directory: str | Path, sources: Sequence[str | Path], *, name: str | None = None) -> Shop:
        """Make a shop's directory with shop.toml and a proposed mapping.toml; `ingest` is the next step.

        The directory must be new or empty, or hold a source. Raises DataError when it is in use or a source cannot
        be read; then nothing is left behind.
        """
        path = Path(directory)
        _refuse_if_taken(path, sources)
        mapping = _propose(sources)
        data = DataSettings(sources=tuple(_portable(source, path) for source in sources))
        settings = Settings(shop=ShopSettings(name=name or path.resolve().name), data=data)
        path.mkdir(parents=True, exist_ok=True)
        write_mapping(mapping, path / "mapping.toml")
        (path / "shop.toml").write_text(settings_text(settings), encoding="utf-8")
        return cls(path)

    @property
    def settings(self) -> Settings:
        """Those of shop.toml, as they were when it could last be read."""
        return self._live.settings

    # --- files → tables → release ---

    @property
    def mapping(self) -> Mapping:
        """mapping.toml. Raises MappingError."""
        return read_mapping(self.directory / "mapping.toml")

    def propose_mapping(self) -> Mapping:
        """What the mapper makes of the sources today; mapping.toml is left as it is. Raises DataError."""
        return _propose(self.settings.data.located(self.directory))

    def map_new(self) -> list[str]:
        """Add a proposal to mapping.toml for every export that it does not name, and return their names.

        What is there stays as it is. Raises DataError and MappingError.
        """
        from shopkeeper.data.staging import fit_parts  # serving never needs it

        proposed, named = self.propose_mapping().files, self.mapping.files
        mapped = {file.path for file in fit_parts([file.path for file in proposed], named)}
        fresh = [file for file in proposed if file.path not in mapped]
        append_mapping(fresh, self.directory / "mapping.toml")
        return [file.path for file in fresh]

    def ingest(self, progress: Progress = silent) -> IngestReport:
        """Sources, and the shop's own event log, → tables. Without a mapping.toml, one is proposed first.

        Raises DataError and MappingError.
        """
        from shopkeeper.data.ingest import ingest

        if not (self.directory / "mapping.toml").exists():
            write_mapping(self.propose_mapping(), self.directory / "mapping.toml")
        data = self.settings.data
        log = self.log if self._log.path.exists() else None
        return ingest(self.mapping, data.located(self.directory), self.directory, data, progress, log=log)

    def train(
        self, progress: Progress = silent, *, if_better: bool = False, budget_minutes: float | None = None
    ) -> Release:
        """Tables → a measured release, published. if_better: what learning chose for a surface is published only where
        it beats the current release's choice on the newest days; else that choice stays, on today's data.
        budget_minutes: in the place of that of the settings.

        Raises MissingExtraError without the extra `train`.
        """
        with _learning("training"):
            from shopkeeper.learn.train import train
        settings = self.settings
        if budget_minutes is not None:
            within = msgspec.structs.replace(settings.train, budget_minutes=budget_minutes)
            settings = msgspec.structs.replace(settings, train=within)
        return train(Tables(self.directory), settings, self.releases, progress, if_better=if_better)

    def tune(
        self, model: str, progress: Progress = silent, *, trials: int = 30, budget_minutes: float | None = None
    ) -> Tuning:
        """Better settings of a model, found by the validation part alone; shop.toml is left as it is. trials: in all,
        with those of an earlier run on the same tables and settings; budget_minutes: for all of this run.

        Raises SettingsError for a model that is unknown or has nothing to tune, DataError where there is too little to
        judge by, and MissingExtraError without the extra `train`.
        """
        with _learning("tuning"):
            from shopkeeper.learn.tune import tune
        tables, cache = Tables(self.directory), self.directory / "cache"
        return tune(tables, self.settings, model, cache, progress, trials=trials, budget_minutes=budget_minutes)

    def evaluate(self) -> dict[str, Any]:
        """How good the current release was when it was trained, on the days held back. Raises ReleaseError."""
        return self.releases.current().manifest.metrics

    def mirror(self, progress: Progress = silent, *, let_go: bool = False) -> Mirrored:
        """Look again at the sources that are catalogues, and have answers know within a second what is new there; see
        data/mirror.py. Raises DataError, MappingError, and ReleaseError before the first release."""
        from shopkeeper.data.catalogues import Catalogues  # serving never needs them
        from shopkeeper.data.mirror import Mirror

        settings, cache = self.settings.data, self.directory / "cache" / "mirror"
        catalogue = self.engine().catalogue
        catalogues = Catalogues(self.mapping, settings.located(self.directory), cache, settings)

        def known(item: str) -> Item | None:
            return catalogue.item(row) if (row := catalogue.ids.row(item)) >= 0 else None

        mirror = Mirror(catalogues, cache / "before.parquet")
        return mirror.look(known, self.change, time.time(), progress, let_go=let_go)

    def export_ubi(self, folder: Path) -> dict[str, int]:
        """Searches and events of the tables as files of User Behavior Insights; see data/ubi.py. Raises DataError."""
        from shopkeeper.data.ubi import export_ubi  # serving never needs it

        return export_ubi(Tables(self.directory), folder, self.settings.shop.name)

    def rollback(self, to: str | None = None) -> Release:
        """Serve an earlier release: `to`, or the one before the current. Raises ReleaseError."""
        return self.releases.rollback(to)

    def doctor(self) -> list[Check]:
        """Named checks of everything the shop stands on."""
        from shopkeeper.doctor import examine

        return examine(self.directory)

    def check(self) -> None:
        """Raises ReleaseError or SettingsError for what would keep the shop from answering as shop.toml says: no
        release, a source that nobody offers, a model's settings or a rule that cannot be followed."""
        from shopkeeper.engine.models import check_models

        self.releases.current()
        check_models(self.settings, (self.directory / "shop.toml").read_text(encoding="utf-8"))
        if self.settings.rules:
            self.engine()
            self.close()

    # --- request → slate → events ---

    def engine(self) -> Engine:
        """The engine of the current release, with everything that the log tells since; see LiveEngine.

        Raises ReleaseError before the first release.
        """
        return self._live.engine()

    def lag(self) -> Lag:
        """How far what is known here lies behind the log. Raises DataError."""
        return self._live.lag()

    @property
    def slates_lost(self) -> int:
        """How many slates were shown, and not logged. Raises DataError."""
        return self.log.lost

    def follow(self) -> None:
        """From now on a thread looks for what is new (releases, settings, items), so that no request waits for it."""
        self._live.follow()

    def close(self) -> None:
        """End `follow`, and write what the log has queued. What is asked afterwards opens it again."""
        self._live.close()
        self.curation.close()
        self._log.close()

    def answer(self, request: Request, within: str = "") -> Slate:
        """Of the person's past, only what was done with the items that the filter `within` lets through counts, and is
        told of. Raises RequestError when the request cannot be answered as it was asked."""
        return self.engine().answer(request, within)

    def browse(self, request: Request, within: str = "") -> Slate:
        """All items that may stand on a surface, where nobody has asked for any by words; `within` as `answer` has it.
        Raises RequestError."""
        return self.engine().browse(request, within)

    def search(self, query: str, **fields: Any) -> Slate:
        """Search as a Request with these `fields` (user, filter, sort, size, offset, facets…). Raises RequestError."""
        return self.answer(Request(surface="search", query=query, **fields))

    def recommend(self, surface: str = "home", **fields: Any) -> Slate:
        """A shelf, for a Request with these `fields` (user, session, items, filter, size…). Raises RequestError."""
        return self.answer(Request(surface=surface, **fields))

    def suggest(self, typed: str = "", within: str = "", *, size: int = 8, **fields: Any) -> Suggested:
        """What to offer while a query is typed, `size` of each kind, for a Request with these `fields` (user, session,
        filter); `within` as `answer` has it. Nothing typed: what is wanted of late. Raises RequestError."""
        return self.engine().suggest(Request(surface="search", query=typed, size=size, **fields), within)

    def forget_searches(self, query: str, *, user: str | None = None, session: str | None = None) -> None:
        """Suggest no more to this person that they searched for `query`; "*": whatever they searched for. Raises
        DataError."""
        event = Event(
            id=token_hex(16),
            type=EventType.SEARCH,
            time=time.time(),
            user=user,
            session=session,
            query=query,  # as a search without words is none
            attributes={FORGOTTEN: query},
        )
        self.record([event])

    def explain(self, item: str, request: Request, within: str = "") -> Explanation:
        """Why an item stands where it stands in the answer to `request`, or why it is absent; `within` as `answer` has
        it. Raises RequestError."""
        return self.engine().explain(request, item, within)

    def record(self, events: Sequence[Event]) -> int:
        """Keep events for good; the next request knows them. Returns how many were new. Raises DataError."""
        return len(self.log.append(events))

    def change(self, changes: Sequence[Change]) -> int:
        """Keep the shop's newer word on its items for good; answers know it within a second. Returns how many changes
        there were. Raises DataError."""
        self.log.change(changes)
        self._live.wake()
        return len(changes)

    def show(self, request: Request, slate: Slate) -> None:
        """Have the log tell, soon, that this slate was shown in answer to this request. Never fails."""
        narrowed = bool(request.filter or request.refinements or request.without or request.verbatim)
        shown = Shown(
            slate=slate.id,
            surface=slate.surface,
            time=time.time(),
            items=tuple(placement.item.id for placement in slate.placements),
            propensities=tuple(placement.propensity for placement in slate.placements),
            offset=slate.placements[0].position - 1 if slate.placements else request.offset,
            user=request.user,
            session=request.session,
            query=request.query,
            release=slate.release,
            variant=slate.variant,
            total=None if narrowed else slate.total,
            dropped=() if narrowed else slate.dropped,
        )
        with contextlib.suppress(DataError):  # a shop on a disk that cannot be written to answers all the same
            self.log.show([shown])

    def check_rule(self, rule: Rule) -> None:
        """Raises RequestError for a rule that cannot be followed."""
        engine = self.engine()
        surfaces = engine.settings.surfaces
        if rule.surface not in surfaces:
            raise RequestError(
                f"there is no surface {rule.surface!r}",
                where="surface",
                expected=f"one of {', '.join(surfaces)}",
                remedy=did_you_mean(rule.surface, surfaces),
            )
        engine.policies.rules.check_one(rule)

    def check_kept(self, id_: str, said: Rule | Synonym) -> None:
        """Raises RequestError for what cannot be kept under this id: a rule that cannot be followed, a synonym that
        says nothing."""
        check_id(id_)
        if isinstance(said, Rule):
            self.check_rule(said)
        else:
            check_synonym(said)

    def preview(self, request: Request, within: str = "", rules: Sequence[Rule] = ()) -> Preview:
        """The answer to a request as it is, and as it would be with all drafts published, and these rules, each in the
        place of the draft with its id. Raises RequestError."""
        engine, settings, drafted = self.engine(), self.settings, self.curation.drafted()
        given = {rule.id: rule for rule in rules}
        curated = dict(sorted(({rule.id: rule for rule in drafted.rules} | given).items())).values()
        other = engine.curated((*settings.rules, *curated), (*settings.synonyms, *drafted.synonyms))
        return preview(engine, other, request, within)

    def published(self) -> None:
        """Something was put in force: look now, not at the next of the regular looks."""
        self._live.wake()

    def unanswered(self, days: float = 30.0, limit: int = 100) -> list[Unanswered]:
        """What people searched for in the last days and the shop had no good answer to, newest first: nothing was
        found, or nothing with all of the words. Raises DataError."""
        return self.log.unanswered(time.time() - days * 86_400.0, limit)

    def passing(self, items: Sequence[str], filter: str) -> list[str]:  # noqa: A002 - as requests call it
        """Those of `items` that are known and that the filter lets through, in their order. Raises RequestError."""
        engine = self.engine()
        known = [(item, row) for item in items if (row := engine.catalogue.ids.row(item)) >= 0]
        mask = engine.policies.masks.mask(filter)
        return [item for item, row in known if mask[row]]

    def item(self, item: str) -> Item:
        """Raises RequestError for an id that the release does not know."""
        catalogue = self.engine().catalogue
        return catalogue.item(_row(item, catalogue))

    def newest(self, items: Iterable[str]) -> dict[str, Item]:
        """These items as the log has them, by id, whether or not answers know it yet; without those that are not there.
        Raises DataError."""
        wanted = list(dict.fromkeys(items))
        place = self.log.newest().changes - self.lag().changes  # before the engine, which may meanwhile know more
        catalogue = self.engine().catalogue
        found = {id_: catalogue.item(row) for id_ in wanted if (row := catalogue.ids.row(id_)) >= 0}
        for change in self.log.changes_to(wanted, max(0, place)):
            known = found.pop(change.id, None)
            if not change.deleted and (item := change.item or (known and change.applied_to(known))):
                found[change.id] = item
        return found

    def image(self, item: str) -> tuple[bytes, str] | None:
        """The item's own picture and its media type; None when the release holds none. Raises RequestError."""
        engine = self.engine()  # of one release, whatever is published meanwhile: another has other rows
        row = _row(item, engine.catalogue)
        return engine.images.get(row) if engine.images is not None else None

    def shoppers(self, limit: int = 6) -> list[Shopper]:
        """People of different tastes and a fair number of events, to try the shop as."""
        engine = self.engine()
        counts = np.diff(engine.interactions.starts)
        usual = np.flatnonzero((counts >= 5) & (counts <= 200))
        rows = usual if len(usual) else np.flatnonzero(counts)
        spread = rows[np.linspace(0, len(rows) - 1, num=min(20 * limit, len(rows)), dtype=np.int64)]
        people = [row for row in spread.tolist() if not engine.actors.id(row).startswith(NAMELESS)] or spread.tolist()
        return [_shopper(engine, row, int(counts[row])) for row in people[:: max(1, len(people) // limit)][:limit]]

    @property
    def log(self) -> EventLog:
        """The shop's event log, opened once. Raises DataError."""
        return self._log.opened()


@contextlib.contextmanager
def _learning(job: str) -> Iterator[None]:
    """Serving never needs what is imported within, and a library of the extra `train` may be missing there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("shopkeeper"):
            raise
        raise MissingExtraError(job, "train", error.name or "lightgbm") from None


def _row(item: str, catalogue: Catalogue) -> int:
    row = catalogue.ids.row(item)
    if row < 0:
        raise RequestError(f"there is no item {item!r}")
    return row


def _shopper(engine: Engine, row: int, events: int) -> Shopper:
    items = engine.interactions.items[engine.interactions.of(row)]
    categories = [item.categories[-1] for item in engine.catalogue.items(items[-50:]) if item.categories]
    likes = sorted(set(categories), key=categories.count, reverse=True)[:2]
    actor = engine.actors.id(row)
    session = actor.removeprefix("session:") if actor.startswith("session:") else None
    return Shopper(user=None if session else actor, session=session, likes=tuple(likes), events=events)


def _propose(sources: Sequence[str | Path]) -> Mapping:
    from shopkeeper.data.mapper import propose  # serving never needs it
    from shopkeeper.data.readers import discover_all

    return propose(discover_all(sources))


def _refuse_if_taken(directory: Path, sources: Sequence[str | Path]) -> None:
    if (directory / "shop.toml").exists():
        remedy = f"To read its exports again: shopkeeper ingest --shop {directory}"
        raise DataError("there is a shop here already", where=str(directory), remedy=remedy)
    free = not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))
    if not free and not any(_lies_in(source, directory) for source in sources):
        expected = "a directory that is new or empty, or that holds a source"
        raise DataError("there is something here already", where=str(directory), expected=expected)


def _lies_in(source: str | Path, directory: Path) -> bool:
    return "://" not in str(source) and Path(source).expanduser().resolve().is_relative_to(directory.resolve())


def _portable(source: str | Path, directory: Path) -> str:
    """How shop.toml names a source: relative where it lies in the shop's directory, absolute elsewhere."""
    if "://" in str(source):
        return str(source)
    path = Path(source).expanduser().resolve()
    return path.relative_to(directory.resolve()).as_posix() if _lies_in(source, directory) else str(path)
