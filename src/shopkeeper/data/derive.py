"""Staged files → canonical tables: cleaning, and one readable statement (in `data/sql/`) for each derived table."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from shopkeeper.data import clean
from shopkeeper.data.changed import said_since
from shopkeeper.data.duck import identifier, literal
from shopkeeper.data.readers.base import slug
from shopkeeper.data.readers.live import PREFIX as LIVE
from shopkeeper.data.report import RuleReport
from shopkeeper.data.schema import EVENTS, INFERRED, TABLES
from shopkeeper.data.staging import Staged, select
from shopkeeper.data.subjects import doubtful, usual_prices
from shopkeeper.data.translate import EVENT_ROLES, ITEM_FIELDS, STAGED
from shopkeeper.data.workbench import PARQUET, Workbench, statement
from shopkeeper.errors import MappingError
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import Change, Progress

EVENT_COLUMNS = (
    "event_id", "type", "time", "ordinal", "user_id", "session_id", "item_id", "query", "quantity", "price", "value",
    "rating", "order_id", "slate_id", "position", "attributes", "row", "source", "part",
)  # fmt: skip
# What an event says. Two rows that say the same are the same event, or one and its repetition.
CONTENT = ", '|', ".join((
    "type", "CAST(EPOCH_US(time) AS TEXT)", "CAST(ordinal AS TEXT)", "user_id", "session_id", "order_id", "item_id",
    "query", "CAST(quantity AS TEXT)", "CAST(price AS TEXT)", "CAST(value AS TEXT)", "CAST(rating AS TEXT)", "slate_id",
    "CAST(position AS TEXT)",
))  # fmt: skip


class Derivation(Workbench):
    """Staged files, and what the shop changed of its items while it was open, → canonical tables in `target`, on one
    connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        staged: Sequence[Staged],
        target: Path,
        settings: DataSettings,
        progress: Progress,
        changes: Sequence[Change] = (),
    ) -> None:
        super().__init__(connection, target)
        self.staged, self.settings, self.progress, self.changes = staged, settings, progress, changes

    def run(self) -> list[RuleReport]:
        self._count_staged()
        events = [*self._joined_orders(), *self._sessions()]
        self._describe_items(events)
        self._change_items()
        self._events(events)
        self._items()
        self._others()
        return list(self.rules.values())

    def _sessions(self) -> list[Staged]:
        """The events in files of sessions, staged by month beside the files of events."""
        files = [file for file in self.staged if file.role == "sessions"]
        if not files:
            return []
        names = ("type", "time", "user_id", "session_id", "items", "target", "attributes", "row", "source")
        self._view("staged_sessions", select(files, names, STAGED))
        self._table("ranked_sources", statement("ranked_sources"))
        columns = ["event_id", "type", "time", "ordinal", "user_id", "session_id", "item_id", "attributes", "source"]
        return [self._restaged("sessions", columns)]

    def _joined_orders(self) -> list[Staged]:
        """The files of events; where orders are split into headers and lines, the two are put together."""
        files = [file for file in self.staged if file.role in EVENT_ROLES]
        of_orders = [file for file in files if "order_id" in file.columns and file.role != "reviews"]
        headers = [file for file in of_orders if not {"item_id", "query", "coupon_id"} & set(file.columns)]
        lines = [file for file in of_orders if "item_id" in file.columns]
        if not headers or not lines:
            return files
        self._view("staged_headers", select(headers, EVENT_COLUMNS, STAGED))
        self._view("staged_lines", select(lines, EVENT_COLUMNS, STAGED))
        others = [file for file in files if file not in headers and file not in lines]
        return [*others, self._restaged("orders", list(EVENT_COLUMNS))]

    def _restaged(self, name: str, columns: list[str]) -> Staged:
        """What the statement of that name gives, staged by month beside the files of events."""
        folder = self.tables.parent / name
        self.connection.execute(f"COPY ({statement(name)}) TO {literal(folder)} (FORMAT parquet, PARTITION_BY (month))")
        return Staged(name, "events", str(folder), "", columns=columns)

    def _describe_items(self, events: Sequence[Staged]) -> None:
        """What each file says of each item, and how often it says it."""
        names = [*ITEM_FIELDS, "attributes", "source"]
        names.remove("picture")
        selects = []
        for file in [*self.staged, *(file for file in events if file.path == "sessions")]:
            if "item_id" not in file.columns or file.role in ("coupons", "sessions", "other"):
                continue
            own = file.role == "items"
            # Elsewhere a price is one of many, attributes are those of the event, and a title may be the review's.
            kept = [name for name in names if name in file.columns and (own or name not in ("price", "attributes"))]
            if file.role == "reviews":
                kept = ["item_id", "source"]
            counted = ", ".join(identifier(name) for name in kept)
            rows = select([file], kept, STAGED)
            if "type" in file.columns:
                rows = f"SELECT * FROM ({select([file], [*kept, 'type'], STAGED)}) WHERE type IS DISTINCT FROM 'ignore'"
            if own:
                counted += ", MIN(row) AS row"
                rows = select([file], [*kept, "row"], STAGED)
            selects.append(f"SELECT {counted}, '{file.role}' AS role, COUNT(*) AS seen FROM ({rows}) GROUP BY ALL")
        types = {**{name: STAGED[name] for name in (*names, "row")}, "role": "TEXT", "seen": "BIGINT"}
        columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in types.items())
        self.connection.execute(f"CREATE TABLE described ({columns})")
        for sql in dict.fromkeys(selects):
            self.connection.execute(f"INSERT INTO described BY NAME {sql}")

    def _change_items(self) -> None:
        """The shop's newer words on its items come before what older files say of them."""
        spoken_of = pa.table({"item_id": pa.array({change.id for change in self.changes}, pa.string())})
        self.connection.register("spoken_of", spoken_of)
        offered = self.connection.execute(
            "SELECT DISTINCT item_id, source FROM described SEMI JOIN spoken_of USING (item_id) WHERE role = 'items'"
        ).fetchall()
        modified, told = {file.path: file.modified for file in self.staged}, dict[str, float]()
        for item, source in offered:
            told[item] = max(told.get(item, 0.0), modified[source])
        for name, table in zip(("changed_items", "changed_figures"), said_since(self.changes, told), strict=True):
            self.connection.register(name, table)
        self._table("changed", statement("changed"))
        overruled = "role = 'items' AND item_id IN (SELECT item_id FROM changed_items)"
        self.connection.execute(f"DELETE FROM described WHERE {overruled}")
        self.connection.execute("INSERT INTO described BY NAME SELECT * FROM changed")

    def _events(self, files: Sequence[Staged]) -> None:
        self._view("staged_events", select(files, EVENT_COLUMNS, STAGED))
        self._table("sources", statement("sources", live=LIVE))
        words = "|".join(clean.NO_PRODUCT_WORDS)
        self._table("no_products", statement("no_products", words=words, titles=clean.NO_PRODUCT_TITLE))
        self._clashes(files)
        self._check_times()
        self._mend_queries()
        months = sorted({month for file in files for month in file.months()})
        for at, month in enumerate(months):
            self.progress("sorting events by month", at, len(months))
            self._month(files, month)
        self.progress("sorting events by month", len(months), len(months))
        kept = "*" if any((self.tables / "events").glob("*/*.parquet")) else None
        events = f"read_parquet({literal(self.tables / 'events' / '*' / '*.parquet')}, hive_partitioning = false)"
        empty = ", ".join(f"NULL::{'DOUBLE' if name == 'price' else 'TEXT'} AS {name}" for name in EVENTS.names)
        self._view("events", f"SELECT * FROM {events}" if kept else f"SELECT {empty} WHERE FALSE")
        self._quarantined()

    def _month(self, files: Sequence[Staged], month: int) -> None:
        """Clean, sort and write the events of one month (year × 12 + month − 1; 0 for those without a time)."""
        year, number = divmod(month, 12)
        start = f"TIMESTAMP '{year:04}-{number + 1:02}-01'" if month else "TIMESTAMP '0001-01-01'"
        staged = select(files, EVENT_COLUMNS, STAGED, month)
        self._view("staged_events", staged)
        unvisited = month and self._one(
            "SELECT COUNT(*) FROM staged_events INNER JOIN sources ON staged_events.source = sources.source"
            " WHERE session_id IS NULL AND NOT is_orders"
        )
        if unvisited:
            before = select(files, EVENT_COLUMNS, STAGED, month - 1)
            late = f"SELECT * FROM ({before}) WHERE time >= {start} - INTERVAL 1 DAY"
            self._view("staged_events", f"SELECT * FROM ({staged}) UNION ALL {late}")
        self._number()
        self._view("judged", statement("judged", start=start, verdict=clean.verdict(), notes=clean.notes()))
        self._judge(month)
        self._view("kept", "SELECT * FROM judged WHERE rule IS NULL")
        gap = self.settings.session_gap_minutes
        self._view("visited", statement("visits", gap=gap) if unvisited else "SELECT * FROM kept")
        folder = self.tables / "events" / (f"month={year:04}-{number + 1:02}" if month else "month=none")
        self._copy(statement("events"), folder / "events.parquet", EVENTS)

    def _clashes(self, files: Sequence[Staged]) -> None:
        """Identifiers of the source that do not identify; those made of sessions always do."""
        given = [file for file in files if "event_id" in file.columns and file.path != "sessions"]
        self._view("given_events", select(given, EVENT_COLUMNS, STAGED))
        self._table("clashes", statement("clashes", relation="given_events", content=f"CONCAT({CONTENT})"))

    def _number(self) -> None:
        """Tell the events of a month apart, and count those that say the same."""
        self._table("identified", statement("identified", relation="staged_events", content=CONTENT))
        twice = "SELECT event_id FROM identified GROUP BY event_id HAVING COUNT(*) > 1"
        clashing = "SELECT event_id FROM identified INNER JOIN clashes USING (event_id) WHERE given"
        self._table("repeats", f"{twice} UNION {clashing}")
        numbered = statement("numbered", content=f"CONCAT({CONTENT})")
        once = "SELECT *, 1 AS occurrence, FALSE AS again FROM identified"
        self._view("numbered", numbered if self._one("SELECT COUNT(*) FROM repeats") else once)

    def _judge(self, month: int) -> None:
        """Count what each rule finds, and set aside what is taken out."""
        noting = [rule.name for rule in clean.EVENT_RULES if rule.action != "removed"]
        counts = ", ".join(f"COUNT(CASE WHEN rule IS NULL AND {name} THEN 1 END)" for name in noting)
        removed, *noted = self.connection.execute(
            f"SELECT COUNT(rule), {counts} FROM judged WHERE NOT early"
        ).fetchone() or (0,)
        for name, count in zip(noting, noted, strict=True):
            if count:
                self._tell(
                    name, int(count), f"SELECT * FROM judged WHERE rule IS NULL AND {name} AND NOT early LIMIT 1"
                )
        if removed:
            out = self.quarantine / "months" / f"{month}.parquet"
            out.parent.mkdir(exist_ok=True)
            rows = f"SELECT * EXCLUDE ({', '.join(noting)}) FROM judged WHERE rule IS NOT NULL AND NOT early"
            self.connection.execute(f"COPY ({rows}) TO {literal(out)} ({PARQUET})")

    def _quarantined(self) -> None:
        """The rows taken out of all months, by rule."""
        months = self.quarantine / "months"
        if months.is_dir():
            every = f"read_parquet({literal(months / '*.parquet')})"
            rules = self.connection.execute(f"SELECT rule, COUNT(*) FROM {every} GROUP BY rule").fetchall()
            for rule, count in rules:
                rows = f"SELECT * EXCLUDE (rule) FROM {every} WHERE rule = {literal(rule)}"
                self.connection.execute(
                    f"COPY ({rows} ORDER BY source, time, event_id) TO {literal(self.quarantine / f'{rule}.parquet')}"
                    f" ({PARQUET})"
                )
                self._tell(rule, count, f"FROM read_parquet({literal(self.quarantine / f'{rule}.parquet')}) LIMIT 1")
            shutil.rmtree(months)

    def _check_times(self) -> None:
        """A clock that cannot be read is an error of the mapping, no fault of the rows."""
        unread = self.connection.execute(
            "SELECT source, timed_share FROM sources WHERE timed_share < 0.5 AND source IN"
            f" ({', '.join(literal(file.path) for file in self.staged if 'time' in file.columns) or 'NULL'})"
        ).fetchone()
        if unread:
            raise MappingError(
                f"only {unread[1]:.0%} of the times can be read",
                where=unread[0],
                expected="a time in nearly every row",
                remedy='In mapping.toml, correct the format of the column, or map it as "attribute".',
            )

    def _mend_queries(self) -> None:
        garbled = f"SELECT DISTINCT query FROM staged_events WHERE REGEXP_MATCHES(query, {literal(clean.GARBLED)})"
        queries = [query for (query,) in self.connection.execute(garbled).fetchall()]
        self._mends("mended_queries", "query", queries)

    def _mends(self, table: str, column: str, texts: list[str]) -> None:
        """A table of garbled texts with what they should have been."""
        mends = pa.table(
            {column: pa.array(texts, pa.string()), "mended": pa.array(map(clean.mend_text, texts), pa.string())}
        )
        self.connection.register("mends", mends)
        self._table(table, "SELECT * FROM mends")
        self.connection.unregister("mends")
        if texts:
            self._count(clean.MENDED_TEXTS.name, len(texts), repr(texts[0]))

    def _items(self) -> None:
        self._subjects()
        self._table("sold", statement("sold"))
        files = [file for file in self.staged if "picture" in file.columns]
        self._view("staged_pictures", select(files, ("item_id", "picture", "source", "part", "row"), STAGED))
        if files:
            self._copy(statement("pictures"), self.tables / "images.parquet", TABLES["images"], ", ROW_GROUP_SIZE 2048")
        self._table("pictures", "SELECT DISTINCT item_id FROM staged_pictures WHERE picture IS NOT NULL")
        self._table("items", statement("items"))
        for column in ("title", "description", "brand"):
            garbled = f"SELECT DISTINCT {column} FROM items WHERE REGEXP_MATCHES({column}, {literal(clean.GARBLED)})"
            texts = [text for (text,) in self.connection.execute(garbled).fetchall()]
            if texts:
                self._mends("mended_texts", column, texts)
                self.connection.execute(
                    f"UPDATE items SET {column} = mended FROM mended_texts WHERE items.{column} = mended_texts.{column}"
                )
        self._copy("SELECT * FROM items ORDER BY item_id", self.tables / "items.parquet", TABLES["items"])
        self._copy(statement("inferred"), self.tables / "inferred.parquet", INFERRED)

    def _others(self) -> None:
        """The tables that need nothing from the others."""
        for name, role, columns in (
            ("users", "users", ("user_id", "attributes", "source", "part", "row")),
            ("judgements", "judgements", ("query", "item_id", "grade")),
            (
                "coupons",
                "coupons",
                ("coupon_id", "item_id", "campaign_id", "discount", "starts", "ends", "attributes"),
            ),
            ("reviews", "reviews", (*EVENT_COLUMNS, "title", "text")),
        ):
            files = [file for file in self.staged if file.role == role]
            if files:
                self._view(f"staged_{name}", select(files, columns, STAGED))
                if name == "reviews":
                    identified = statement("identified", relation="staged_reviews", content=CONTENT)
                    self._view("identified_reviews", identified)
                    self._table("told_reviews", statement("told_reviews"))
                    self._set_aside(clean.SAID_AGAIN.name, role, "SELECT * FROM told_reviews WHERE occurrence > 1")
                self._copy(statement(name), self.tables / f"{name}.parquet", TABLES[name])
        for file in self.staged:
            # Judgements have no place for attributes: where there are any, the whole file is kept as well.
            spare = file.role == "judgements" and self._one(
                f"SELECT COUNT(attributes) FROM ({select([file], ('attributes',), STAGED)})"
            )
            if file.role == "other" or spare:
                (self.tables / "other").mkdir(exist_ok=True)
                shutil.copyfile(file.files()[0], self.tables / "other" / f"{slug(file.path)}.parquet")

    def _subjects(self) -> None:
        """What the rules find in rows that are no events."""
        for rule, role, rows in doubtful(self.staged):
            self._set_aside(rule.name, role, rows)
        self._table("usual_prices", usual_prices(self.staged))
        self.connection.execute(
            "UPDATE described SET price = NULL FROM usual_prices"
            " WHERE described.role = 'items' AND described.source = usual_prices.source"
            " AND (price < 0 OR price > absurd)"
        )

    def _count_staged(self) -> None:
        """What was found while the files were read."""
        for file in self.staged:
            if file.units:
                self._count(clean.UNITS.name, file.rows, f"{file.path}, {file.units}")
            if file.rejected:
                self._count(clean.UNREADABLE.name, file.rejected, f"{file.path}, {file.first_rejected}")
                out = self.quarantine / f"{clean.UNREADABLE.name}-{slug(file.path)}.parquet"
                shutil.copyfile(Path(file.folder) / "rejected.pq", out)
