"""The inverted index of a shop's texts, on tantivy, and the words it knows."""

from __future__ import annotations

import copy
import math
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tantivy
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from shopkeeper.data.durable import why
from shopkeeper.data.scratch import Scratch
from shopkeeper.engine.context import Candidates
from shopkeeper.engine.item_text import FIELDS
from shopkeeper.engine.text import is_unspaced
from shopkeeper.errors import DataError, ReleaseError
from shopkeeper.vocabulary import Mask, Rows

# "words" holds each document's distinct words unstemmed: what prefixes and misspellings are looked up in.
# "code" holds the item's id as one word.
WORDS, CODE, ROW = "words", "code", "row"
_NAMING = ("title", "brand", "category")
# From so many hits, of which most fall away, it is cheaper to know the rows that match; to look one of them up takes as
# long as so many hits.
MANY_HITS, LOOKED_UP_AS_HITS = 20_000, 30
_HEAP_BYTES, _SMALL_HEAP_BYTES = 128_000_000, 15_000_000


class Near(NamedTuple):
    """A word like another: how many errors lie between them, and how many items hold it."""

    word: str
    errors: int
    items: int


class _Files:
    """The directory of an index and of those that grew from it; removed with the last of them."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch, self.directory = scratch, scratch.path
        self.index = tantivy.Index.open(str(self.directory))
        self.index.config_reader("manual")  # it changes only when we say so


class TextIndex:
    """Documents are items; each holds, by field of FIELDS, stems separated by blanks. What it finds never changes:
    `updated` gives another index.

    Words are matched by `near` with the optimal string alignment distance (a transposition is one error).
    """

    def __init__(self, scratch: Scratch) -> None:
        """`scratch` is a directory of this index alone, removed with it."""
        self._files = _Files(scratch)
        self.schema = self._files.index.schema
        self._searcher = self._files.index.searcher()
        self._by_length = _letters_by_length(self._searcher.terms_with_prefix(WORDS, ""))
        self._new_words: dict[int, tuple[list[str], list[int]]] = {}
        self._beginnings: dict[int, list[str]] = {}  # by length, once they were asked for

    @classmethod
    def build(cls, documents: Iterable[dict[str, str]]) -> TextIndex:
        """One document for each row, in row order: texts by field of FIELDS, WORDS and CODE. Raises DataError when the
        disk has no room."""
        scratch = Scratch()
        builder = tantivy.SchemaBuilder().add_unsigned_field(ROW, fast=True, indexed=True)
        for field in FIELDS:
            builder.add_text_field(field, tokenizer_name="whitespace", index_option="position")
        builder.add_text_field(WORDS, tokenizer_name="whitespace", index_option="basic")
        builder.add_text_field(CODE, tokenizer_name="raw", index_option="basic")
        with _having_room(scratch):
            writer = tantivy.Index(builder.build(), path=str(scratch.path)).writer(_HEAP_BYTES, num_threads=1)
            for row, texts in enumerate(documents):
                writer.add_document(_document(row, texts))
            writer.commit()
            writer.wait_merging_threads()
            return cls(scratch)

    def updated(self, documents: Mapping[int, dict[str, str]]) -> TextIndex:
        """An index with these documents, by row, in the place of those that have the rows now. Only the newest index of
        those that grew from one another may be updated. Raises DataError when the disk has no room."""
        files, newer = self._files, copy.copy(self)
        with _having_room(files.scratch):
            writer = files.index.writer(_SMALL_HEAP_BYTES, num_threads=1)
            for row, texts in documents.items():
                writer.delete_documents_by_query(tantivy.Query.term_query(self.schema, ROW, row))
                writer.add_document(_document(row, texts))
            writer.commit()
            writer.wait_merging_threads()
            files.index.reload()
        newer._searcher = files.index.searcher()
        unknown = {word for texts in documents.values() for word in texts[WORDS].split() if not self.count(word)}
        newer._new_words = {**self._new_words}
        for length, (found, _) in _letters_by_length((word, 1) for word in sorted(unknown)).items():
            words = list(dict.fromkeys([*self._new_words.get(length, ([], []))[0], *found]))
            newer._new_words[length] = words, [1] * len(words)
        return newer

    def save(self, directory: Path) -> None:
        shutil.copytree(self._files.directory, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.lock"))

    @classmethod
    def load(cls, directory: Path) -> TextIndex:
        """Memory-mapped. tantivy wants to write a lock beside what it reads, so it is given links to a release.

        Raises ReleaseError when the files are missing or damaged, DataError when there is no room for the links.
        """
        scratch = Scratch()
        try:
            files = list(directory.iterdir())
            with _having_room(scratch):
                for file in files:
                    (scratch.path / file.name).symlink_to(file.resolve())
            return cls(scratch)
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"the text index cannot be read: {error}",
                where=str(directory),
                remedy="Roll back to an earlier release, or train again.",
            ) from error

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def search(
        self, query: tantivy.Query, limit: int, allowed: Mask | None = None, matching: Callable[[], Rows] | None = None
    ) -> Candidates:
        """The best `limit` matches within `allowed`. matching: gives all rows within `allowed` that can match."""
        size = limit
        if allowed is not None:  # as many more as are likely to fall away
            n_allowed = max(int(np.count_nonzero(allowed)), 1)
            size = min(int(1.2 * limit * len(allowed) / n_allowed) + 16, len(self))
            if size > MANY_HITS and matching is not None:
                among = matching()
                if LOOKED_UP_AS_HITS * len(among) < size:
                    query, size = self._among(among, query), len(among)
        while size > 0:
            result: Any = self._searcher.search(query, size)
            rows = self._rows([address for _, address in result.hits])
            kept = slice(None) if allowed is None else np.flatnonzero(allowed[rows])
            found = rows[kept][:limit]
            if allowed is None or len(found) == limit or len(rows) == result.count:
                scores = np.fromiter((score for score, _ in result.hits), np.float32, len(result.hits))
                return Candidates(found, scores[kept][:limit])
            size *= 8
        return Candidates.none()

    def _among(self, rows: Rows, query: tantivy.Query) -> tantivy.Query:
        """The same query, of these rows alone."""
        must, known = tantivy.Occur.Must, tantivy.Query.term_set_query(self.schema, ROW, rows.tolist())
        return tantivy.Query.boolean_query([(must, query), (must, tantivy.Query.const_score_query(known, 0.0))])

    def matches(self, query: tantivy.Query) -> Rows:
        """All rows that match, ascending: for queries that few items match."""
        result: Any = self._searcher.search(
            query, max(len(self), 1), False, order_by_field=ROW, order=tantivy.Order.Asc
        )
        return np.fromiter((row for row, _ in result.hits), np.int32, len(result.hits))

    def count(self, word: str) -> int:
        """How many items hold this word, unstemmed."""
        return int(self._searcher.doc_freq(WORDS, word))

    def words(self) -> list[tuple[str, int]]:
        """Every word, and how many items hold it."""
        return list(self._searcher.terms_with_prefix(WORDS, ""))

    def holds_stem(self, stem: str) -> bool:
        return any(self._searcher.doc_freq(field, stem) for field in FIELDS)

    def rarity(self, word: str) -> float:
        """The inverse document frequency, as BM25 has it."""
        count = self.count(word)
        return math.log(1 + (len(self) - count + 0.5) / (count + 0.5))

    def beginning(self, prefix: str, limit: int) -> list[str]:
        """The most frequent words that begin so, without `prefix` itself."""
        found = self._searcher.terms_with_prefix(WORDS, prefix, limit=limit + 1)
        return [word for word, _ in found if word != prefix][:limit]

    def near(self, word: str, distance: int, limit: int) -> list[Near]:
        """Words of letters within `distance` errors of `word`, without itself: fewest errors first, then those with the
        same first letter, then the most frequent."""
        found: list[tuple[int, bool, int, str]] = []
        for length in range(len(word) - distance, len(word) + distance + 1):
            for words, counts in (known[length] for known in (self._by_length, self._new_words) if length in known):
                errors = cdist([word], words, scorer=OSA.distance, score_cutoff=distance, dtype=np.uint8)[0]
                found.extend(
                    (int(errors[at]), words[at][0] != word[0], -counts[at], words[at])
                    for at in np.flatnonzero(errors <= distance).tolist()
                )
        near = dict[str, Near]()
        for errors, _, count, other in sorted(found):
            near.setdefault(other, Near(other, errors, -count))  # a word may be known twice
        near.pop(word, None)
        return list(near.values())[:limit]

    def beginning_near(self, letters: str, limit: int) -> list[str]:
        """The most frequent words that begin within one error of these letters."""
        found: list[Near] = []
        for length in range(len(letters) - 1, len(letters) + 2):
            begun = self._begun(length)
            errors = cdist([letters], begun, scorer=OSA.distance, score_cutoff=1, dtype=np.uint8)[0]
            for at in np.flatnonzero(errors <= 1).tolist():
                words = self._searcher.terms_with_prefix(WORDS, begun[at], limit=limit)
                found.extend(Near(word, 1, count) for word, count in words if word.isalpha())
        counts = {near.word: near.items for near in found}
        return sorted(counts, key=lambda word: (word[0] != letters[0], -counts[word], word))[:limit]

    def _begun(self, length: int) -> list[str]:
        """The beginnings of so many letters that words of letters have, each once."""
        if length not in self._beginnings:
            longer = (words for size, (words, _) in self._by_length.items() if size > length)
            self._beginnings[length] = sorted({word[:length] for words in longer for word in words})
        return self._beginnings[length]

    def named(self, stem: str, beside: Sequence[str] = ()) -> int:
        """How many items have this stem in a title, brand or category, and all of `beside` in any field."""
        return self._count_of((stem, _NAMING), *((other, FIELDS) for other in beside))

    def together(self, stems: Iterable[str]) -> int:
        """How many items have all of these, in any field."""
        return self._count_of(*((stem, FIELDS) for stem in stems))

    def _count_of(self, *asked: tuple[str, Sequence[str]]) -> int:
        """How many items have every stem in one of its fields."""
        must, should = tantivy.Occur.Must, tantivy.Occur.Should
        each = (
            tantivy.Query.boolean_query([(should, self._term(field, stem)) for field in fields])
            for stem, fields in asked
        )
        return self._count(tantivy.Query.boolean_query([(must, query) for query in each]))

    def _term(self, field: str, stem: str) -> tantivy.Query:
        return tantivy.Query.term_query(self.schema, field, stem, "basic")

    def side_by_side(self, terms: Sequence[str]) -> int:
        """How many items hold these terms side by side, in a field."""
        should = tantivy.Occur.Should
        phrases = [(should, tantivy.Query.phrase_query(self.schema, field, list(terms))) for field in FIELDS]
        return self._count(tantivy.Query.boolean_query(phrases))

    def _count(self, query: tantivy.Query) -> int:
        unscored = tantivy.Query.const_score_query(query, 1.0)  # which is half of the work
        result: Any = self._searcher.search(unscored, 1)
        return int(result.count)

    def _rows(self, addresses: list[tantivy.DocAddress]) -> Rows:
        return np.array(self._searcher.fast_field_values(ROW, addresses), np.int32)


@contextmanager
def _having_room(scratch: Scratch) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # tantivy says it so or so
        raise DataError(
            f"the text index cannot be written ({why(error)})",
            where=str(scratch.path),
            remedy="See that the disk has room and may be written, or name another place in TMPDIR.",
        ) from error


def _document(row: int, texts: Mapping[str, str]) -> tantivy.Document:
    document = tantivy.Document()
    document.add_unsigned(ROW, row)
    for field, text in texts.items():
        document.add_text(field, text)
    return document


def _letters_by_length(terms: Iterable[tuple[str, int]]) -> dict[int, tuple[list[str], list[int]]]:
    """Words that can be misspelt: no numbers, no codes, none in scripts without spaces."""
    found: defaultdict[int, tuple[list[str], list[int]]] = defaultdict(lambda: ([], []))
    for word, count in terms:
        if word.isalpha() and not is_unspaced(word):
            words, counts = found[len(word)]
            words.append(word)
            counts.append(count)
    return dict(found)
