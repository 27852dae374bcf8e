"""What a column's values look like: counts, and tags for the shapes that speak for one meaning or another."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.data.mapper.dates import TimeShape, epoch_shape, text_shape
from shopkeeper.data.mapper.lexicon import LEXICON

LOOKED_AT = 400  # distinct values, spread over the sample, whose shape is tested
RUN = 500  # first rows of the sample: they lie together in the file, so their order means something
MOST = 0.9  # of the values must fit a shape
FEW = 20  # rows in which values that differ mean little
KEY_LENGTH = 64  # longer texts are no identifiers
SEPARATORS = (">", "|", ";", "/", ",", ".")

INTEGER = re.compile(r"[+-]?\d{1,19}(\.0+)?")
NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d{1,4}")
CURRENCY_SIGN = r"([$€£¥₹₩]|R\$|kr|zł|[A-Z]{3}|元)"
SIGN = re.compile(CURRENCY_SIGN)
NO_DIGIT = re.compile(r"[^\d.,eE+-]")
GROUPED_NUMBER = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
DOTTED = re.compile(r"[\w-]+(\.[\w-]+)*")
MONEY = re.compile(rf"{CURRENCY_SIGN}\s?[\d.,]+|[\d.,]+\s?{CURRENCY_SIGN}")
VALUE_WORDS = {name: frozenset(words.split(", ")) for name, words in LEXICON["value_words"].items()}
CODED = r"['\"]?(?=[\w-]*\d)[\w-]++['\"]?"  # a word with a digit in it; in one pass, however long it is
ID_LIST = re.compile(
    rf"{CODED}([,;|]?\s+|[,;|]){CODED}(([,;|]?\s+|[,;|]){CODED})*|\[\s*({CODED}([,\s]\s*{CODED})*)?\s*\]"
)
IMAGE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")

TEXT_SHAPES: dict[str, Callable[[str], object]] = {
    "url": re.compile(r"(https?:)?//\S+|www\.\S+\.\S+|/[\w%.-]+(/[\w%.-]+)*/?").fullmatch,
    "image_path": re.compile(r"(?i)\S[^\n]*\.(jpe?g|png|webp|gif|bmp|tiff?|avif|svg)(\?\S*)?").fullmatch,
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}").fullmatch,
    "currency": VALUE_WORDS["currency"].__contains__,
    "boolean": lambda value: value.casefold() in VALUE_WORDS["boolean"],
    "availability": lambda value: value.casefold() in VALUE_WORDS["availability"],
    "product_kind": lambda value: value.casefold() in VALUE_WORDS["product_kind"],
    "barcode": re.compile(r"\d{8}|\d{12,14}").fullmatch,
    "hash": re.compile(r"(?i)[0-9a-f]{16,64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch,
    "integer": INTEGER.fullmatch,
    "number": lambda value: _is_number(value),
    "money": lambda value: _is_money(value),
    "json_object": lambda value: value[:1] == "{" and isinstance(_json(value), dict),
    "json_list": lambda value: value[:1] == "[" and isinstance(_json(value), list),
    "id_list": ID_LIST.fullmatch,
    "code": re.compile(r"#?[\w.:/+-]{1,64}").fullmatch,
    "html": re.compile(r"(?s).*<(p|br|div|ul|li|span|strong|b|h\d)\b[^>]*>.*").match,
}


@dataclass
class Profile:
    """One column of a sample.

    label: the name to be read; parent: the column of records that it is a field of, if any; tags: the shapes it has;
    distinct: its distinct values as canonical text, empty where they cannot be keys; counts: the rows of each;
    texts: the first rows, which lie together in the file;
    unique: distinct values over filled ones; missing: the share of empty ones.
    """

    name: str
    label: str = ""
    parent: str = ""
    rows: int = 0
    missing: float = 1.0
    unique: float = 0.0
    n_distinct: int = 0
    tags: set[str] = field(default_factory=set)
    distinct: frozenset[str] = frozenset()
    counts: dict[str, int] = field(default_factory=dict, repr=False)
    texts: list[str | None] = field(default_factory=list, repr=False)
    time: TimeShape | None = None
    separator: str = ""
    median: float | None = None
    mean_length: float = 0.0


def profile_table(table: pa.Table) -> list[Profile]:
    """Profiles of all columns; the fields of nested records follow their column as `column.field`, those of
    records within them as `column.field.inner`."""
    profiles: list[Profile] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        profiles.append(profile_column(name, column))
        profiles += _children(name, column)
    return profiles


def profile_column(name: str, column: pa.ChunkedArray) -> Profile:
    """The profile of one column, of any Arrow type."""
    profile = Profile(name, label=name, rows=len(column))
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind) or column.null_count == len(column):
        profile.tags.add("empty")
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        _look_at_bytes(profile, column)
    elif pa.types.is_nested(kind):
        _look_at_nested(profile, column)
    else:
        _look_at_texts(profile, canonical_texts(column))
        _typed_tags(profile, column)
    return profile


def canonical_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as trimmed text, null where empty; whole numbers without a fraction, so that 17850.0 is 17850."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        texts = pc.replace_substring_regex(column.cast(pa.float64()).cast(pa.string()), r"\.0$", "")
    elif pa.types.is_date64(kind):
        texts = column.cast(pa.date32()).cast(pa.string())
    else:
        texts = column.cast(pa.string())
    texts = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _children(name: str, column: pa.ChunkedArray) -> list[Profile]:
    """Profiles of the fields of a record or a list of records; of the values by key in a list of keys and values."""
    kind = column.type
    if _is_parameters(kind):
        return _parameters(name, column)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        column, kind = pa.chunked_array([pc.list_flatten(column).combine_chunks()]), kind.value_type
    if not pa.types.is_struct(kind) or len(column) == 0:
        return []
    records = column.combine_chunks()
    records = records.combine_chunks() if isinstance(records, pa.ChunkedArray) else records
    found = []
    for child, values in zip(kind, records.flatten(), strict=True):
        profile = profile_column(f"{name}.{child.name}", pa.chunked_array([values]))
        profile.label, profile.parent = child.name, name
        found.append(profile)
        if pa.types.is_struct(child.type):
            found += _children(profile.name, pa.chunked_array([values]))
            for inner in found[found.index(profile) + 1 :]:
                inner.label = f"{child.name} {inner.label}"
    return found


def _is_parameters(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(kind.value_type):
        return False
    return {"key", "value"} <= {inner.name for inner in kind.value_type}


def _parameters(name: str, column: pa.ChunkedArray) -> list[Profile]:
    """Profiles of the values under each key, null in the rows without it."""
    rows: list[dict[str, str]] = []
    for pairs in column.slice(0, LOOKED_AT).to_pylist():
        said = {pair["key"]: pair["value"] for pair in pairs or [] if pair and pair["key"]}
        firsts = {
            key: next((one for one in value.values() if one is not None), None) if isinstance(value, dict) else value
            for key, value in said.items()
        }
        rows.append({key: str(value) for key, value in firsts.items() if value is not None})
    found = []
    for key in dict.fromkeys(key for row in rows for key in row):
        profile = profile_column(f"{name}.{key}", pa.chunked_array([[row.get(key) for row in rows]], pa.string()))
        profile.label, profile.parent = key, name
        found.append(profile)
    return found


def _look_at_bytes(profile: Profile, column: pa.ChunkedArray) -> None:
    heads = [bytes(value)[:4] for value in column.drop_null().slice(0, 50).to_pylist()]
    images = sum(head.startswith(IMAGE_MAGIC) for head in heads)
    profile.missing = column.null_count / max(1, len(column))
    profile.tags |= {"image_bytes" if images >= MOST * len(heads) else "bytes"}


def _look_at_nested(profile: Profile, column: pa.ChunkedArray) -> None:
    kind = column.type
    profile.missing = column.null_count / max(1, len(column))
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        profile.tags |= {"nested", "record"}
        return
    child = kind.value_type
    profile.tags |= {"nested", "list"}
    if pa.types.is_struct(child):
        profile.tags.add("parameters" if _is_parameters(kind) else "records")
        return
    values = pa.chunked_array([pc.list_flatten(column).combine_chunks()]).drop_null()
    if pa.types.is_nested(child) or pa.types.is_binary(child) or len(values) == 0:
        return
    inner = profile_column("", values.slice(0, 10 * LOOKED_AT))
    profile.tags |= {f"list_of_{tag}" for tag in inner.tags}
    profile.distinct = inner.distinct
    profile.n_distinct = inner.n_distinct


def _look_at_texts(profile: Profile, texts: pa.ChunkedArray) -> None:
    filled = texts.drop_null()
    profile.missing = 1 - len(filled) / max(1, len(texts))
    if len(filled) == 0:
        profile.tags.add("empty")
        return
    counted = pc.value_counts(filled)
    distinct = counted.field("values")
    profile.n_distinct = len(distinct)
    profile.unique = len(distinct) / len(filled)
    step = max(1, len(distinct) // LOOKED_AT)
    looked_at: list[str] = distinct.take(list(range(0, len(distinct), step))).to_pylist()[:LOOKED_AT]
    profile.texts = texts.slice(0, RUN).to_pylist()
    profile.mean_length = sum(map(len, looked_at)) / len(looked_at)
    if profile.mean_length <= KEY_LENGTH:
        profile.counts = dict(zip(distinct.to_pylist(), counted.field("counts").to_pylist(), strict=True))
        profile.distinct = frozenset(profile.counts)
    profile.tags |= {tag for tag, fits in TEXT_SHAPES.items() if _most(looked_at, fits)}
    profile.time = _time_shape(profile, looked_at)
    _tag_moment(profile)
    _tag_numbers(profile, looked_at)
    _tag_words(profile, looked_at)
    _tag_counts(profile)
    _tag_order(profile)


def _most(values: Sequence[str], fits: Callable[[str], object]) -> bool:
    """Whether MOST of the values fit; it stops at the one too many that does not."""
    spare = len(values) - MOST * len(values)
    for value in values:
        if not fits(value):
            spare -= 1
            if spare < 0:
                return False
    return True


def _share(values: Sequence[str], fits: Callable[[str], object]) -> float:
    return sum(bool(fits(value)) for value in values) / len(values)


def _is_number(text: str) -> bool:
    """A number with no more digits than a float holds; "123456789.1706774400" is a name of something."""
    return bool(NUMBER.fullmatch(text) or COMMA_NUMBER.fullmatch(text)) and (
        "." not in text or sum(map(str.isdigit, text.lstrip("-0."))) <= 17
    )


def _is_money(text: str) -> bool:
    letters = "".join(filter(str.isalpha, text))
    return MONEY.fullmatch(text) is not None and (len(letters) < 3 or letters in VALUE_WORDS["currency"])


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _time_shape(profile: Profile, values: Sequence[str]) -> TimeShape | None:
    if "number" not in profile.tags:
        return text_shape(values)
    if profile.tags & {"integer"} and all(len(value) == 8 for value in values):
        return text_shape(values)
    return epoch_shape([number for value in values if (number := as_number(value)) is not None])


def _tag_moment(profile: Profile) -> None:
    if profile.time is None:
        return
    if profile.time.format.startswith("epoch"):
        profile.tags.add("epoch")
    elif profile.time.has_date:
        profile.tags.add("moment" if profile.time.has_clock else "day")
    else:
        profile.tags.add("clock")


def _tag_numbers(profile: Profile, values: Sequence[str]) -> None:
    if not profile.tags & {"number", "money"}:
        return
    numbers = sorted(number for value in values if (number := as_number(value)) is not None)
    if not numbers:
        return
    profile.median = numbers[len(numbers) // 2]
    if numbers[0] < 0:
        profile.tags.add("negative")
    if "integer" not in profile.tags and "number" in profile.tags:
        profile.tags.add("float")
    if numbers[0] >= 0 and numbers[-1] <= 10 and profile.n_distinct <= 21 and numbers[-1] > 1:
        profile.tags.add("scale")


def as_number(text: str) -> float | None:
    """The number in a text such as "1,299.00", "12,99 €" or "129.99 USD"."""
    digits = NO_DIGIT.sub("", SIGN.sub("", text))
    if COMMA_NUMBER.fullmatch(digits) and not GROUPED_NUMBER.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        return float(digits.replace(",", ""))
    except ValueError:
        return None


def _tag_words(profile: Profile, values: Sequence[str]) -> None:
    if profile.tags & {"number", "moment", "day", "clock", "url", "email", "json_object", "json_list"}:
        return
    words = sum(len(value.split()) + sum("\u3040" <= c <= "\u9fff" for c in value) / 3 for value in values) / len(
        values
    )
    profile.tags.add("text")
    if words >= 2:
        profile.tags.add("phrase")
    if words >= 12 or "html" in profile.tags:
        profile.tags.add("prose")
    if "prose" not in profile.tags:
        profile.separator = _separator(values)


def _separator(values: Sequence[str]) -> str:
    """What parts the labels of one text; a comma, dot or slash must stand in most of the values."""
    for mark in SEPARATORS:
        share = _share(values, lambda value, mark=mark: mark in value.strip(mark))  # type: ignore[misc]
        dotted = mark != "." or _most(values, DOTTED.fullmatch)
        if dotted and share >= (0.3 if mark in ">|" else 0.6):
            return mark
    return ""


def _tag_counts(profile: Profile) -> None:
    filled = profile.rows * (1 - profile.missing)
    if profile.n_distinct == 1 and filled > 1:
        profile.tags.add("constant")
    if profile.unique >= 0.999 and filled >= FEW:
        profile.tags.add("unique")
    if profile.n_distinct <= 30 and profile.unique < 0.5:
        profile.tags.add("enum")
    if profile.n_distinct == 1 and "number" in profile.tags:
        profile.tags.discard("boolean")  # "1" may be the first number of many


def _tag_order(profile: Profile) -> None:
    """counter: 1, 2, 3, 1, 2… (what never begins anew numbers the rows); grouped: equal neighbours, as where rows lie
    by user; rising: never falls; numbering: 1, 2, 3… to the end."""
    texts = [text for text in profile.texts if text is not None]
    pairs = list(pairwise(texts))
    if len(pairs) < 3:
        return
    counts = Counter(texts)
    by_chance = sum((count / len(texts)) ** 2 for count in counts.values())
    together = sum(a == b for a, b in pairs) / len(pairs)
    if together > 3 * by_chance and together > 0.2:
        profile.tags.add("grouped")
    if "integer" not in profile.tags:
        return
    numbers = [int(float(text)) if INTEGER.fullmatch(text) else -1 for text in texts]
    steps = list(pairwise(numbers))
    if (
        profile.unique < MOST
        and min(numbers) in (0, 1)
        and sum(b == a + 1 or b in (0, 1) for a, b in steps) >= MOST * len(steps)
        and len(counts) > 2
    ):
        profile.tags.add("counter")
    if all(b >= a for a, b in steps):
        profile.tags.add("rising")
    if profile.unique >= MOST and sum(b == a + 1 for a, b in steps) >= MOST * len(steps):
        profile.tags.add("numbering")


def _typed_tags(profile: Profile, column: pa.ChunkedArray) -> None:
    """Tags that the Arrow type settles; such columns need no format to be read."""
    kind = column.type
    if pa.types.is_boolean(kind):
        profile.tags = (profile.tags | {"boolean"}) - {"text", "code"}
    elif pa.types.is_timestamp(kind):
        profile.tags, profile.time = {"moment"}, TimeShape("", True, True)
    elif pa.types.is_date(kind):
        profile.tags, profile.time = {"day"}, TimeShape("", True, False)
    elif pa.types.is_time(kind):
        profile.tags, profile.time = {"clock"}, TimeShape("", False, True)
    elif pa.types.is_floating(kind) and "number" in profile.tags and not _whole(column):
        profile.tags = (profile.tags | {"float"}) - {"code"}


def _whole(column: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.equal(pc.floor(column), column)).as_py())
