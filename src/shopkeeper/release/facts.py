"""Items table → the fields of a catalogue, by DuckDB."""

from __future__ import annotations

from importlib.resources import files

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import PythonUDFType

from shopkeeper.data.duck import connect
from shopkeeper.release.fields import Floats, LabelFields, LabelMap, NumberFields, fold_texts, starts_of
from shopkeeper.vocabulary import Rows

PATH, SEPARATOR = "category_path", " > "
IMPLIED = ("available", PATH)  # what these say is said by an item's being there, and by its categories
LONGEST_LABEL = 100  # characters; what is longer is a description, and no label

# Spellings that fold to the same key are one field, or one value, shown as it is written most often.
SPELLINGS = f"""
CREATE TEMP TABLE spelt_fields AS
SELECT field, fold(field) AS field_key, count(*) AS uses FROM facts GROUP BY field;

CREATE TEMP TABLE spelt_values AS
SELECT field_key, text, fold(text) AS key, sum(uses) AS uses
FROM (
    SELECT field_key, text, count(*) AS uses
    FROM facts JOIN spelt_fields USING (field)
    WHERE trim(text) <> '' AND length(text) <= {LONGEST_LABEL}
    GROUP BY field_key, text
)
GROUP BY field_key, text;

CREATE TEMP TABLE fields AS
SELECT field_key, arg_max(trim(field), (uses, field)) AS name FROM spelt_fields GROUP BY field_key;

CREATE TEMP TABLE labels AS
SELECT
    field_key,
    key,
    arg_max(trim(text), (uses, text)) AS value,
    row_number() OVER (ORDER BY field_key, key) - 1 AS code
FROM spelt_values
WHERE key <> ''
GROUP BY field_key, key;
"""

LABEL_NAMES = """
SELECT name, count(*) AS n_values FROM labels JOIN fields USING (field_key) GROUP BY field_key, name ORDER BY field_key
"""

LABEL_CODES = """
SELECT row, cast(code AS INTEGER) AS code
FROM facts
JOIN spelt_fields USING (field)
JOIN spelt_values USING (field_key, text)
JOIN labels USING (field_key, key)
GROUP BY row, field_key, code
ORDER BY row, field_key, min(ordinal), code
"""

NUMBERS = """
SELECT name, row, number
FROM (
    SELECT field_key, row, arg_min(number, (field, ordinal)) AS number
    FROM facts JOIN spelt_fields USING (field)
    WHERE number IS NOT NULL
    GROUP BY field_key, row
)
JOIN fields USING (field_key)
ORDER BY field_key, row
"""


def build_fields(
    items: pa.Table, dense: dict[str, Floats], over: LabelMap | None = None
) -> tuple[LabelFields, NumberFields]:
    """The label and number fields of items (`available` decided); `dense` holds the number fields kept whole; `over`:
    the fields of the release over which the items are laid, which says whether categories are a tree."""
    columns = items.select(["brand", "categories", "stock", "available", "attributes"])
    numbered = columns.append_column("row", pa.array(np.arange(items.num_rows, dtype=np.int32)))
    with connect() as database:
        database.create_function("fold", fold_texts, ["varchar"], "varchar", type=PythonUDFType.ARROW)
        database.register("items", numbered)
        is_tree = None if over is None else PATH in over
        database.register("known", pa.table({"is_tree": pa.array([is_tree], pa.bool_())}))
        database.execute(files("shopkeeper.release").joinpath("facts.sql").read_text(encoding="utf-8"))
        database.execute(SPELLINGS)
        return _labels(database, items.num_rows), _numbers(database, items.num_rows, dense)


def _labels(database: duckdb.DuckDBPyConnection, n_items: int) -> LabelFields:
    fields = database.sql(LABEL_NAMES).fetchall()
    texts = database.sql("SELECT value, key FROM labels ORDER BY code").to_arrow_table()
    said = database.sql(LABEL_CODES).fetchnumpy()
    rows, codes = np.asarray(said["row"], np.int32), np.asarray(said["code"], np.int32)
    by_code = np.argsort(codes, kind="stable")
    return LabelFields(
        names=tuple(name for name, _ in fields),
        firsts=starts_of(np.array([count for _, count in fields], np.int64)),
        texts=texts.column("value").cast(pa.large_string()).combine_chunks(),
        keyed=texts.column("key").cast(pa.large_string()).combine_chunks(),
        starts=starts_of(np.bincount(rows, minlength=n_items)),
        codes=codes,
        posting_starts=starts_of(np.bincount(codes, minlength=texts.num_rows)),
        posting_rows=rows[by_code],
    )


def _numbers(database: duckdb.DuckDBPyConnection, n_items: int, dense: dict[str, Floats]) -> NumberFields:
    said = database.sql(NUMBERS).to_arrow_table()
    names = said.column("name").combine_chunks().dictionary_encode()
    positions: Rows = names.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return NumberFields(
        n_items=n_items,
        dense=dense,
        names=tuple(names.dictionary.to_pylist()),
        firsts=starts_of(np.bincount(positions, minlength=len(names.dictionary))),
        rows=said.column("row").to_numpy().astype(np.int32),
        amounts=said.column("number").to_numpy(),
    )
