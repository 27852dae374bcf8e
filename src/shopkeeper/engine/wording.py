"""How a shop's texts and queries become words: its languages, its Chinese, its synonyms and its stop words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import tantivy

from shopkeeper.engine import text
from shopkeeper.engine.chinese import Chinese
from shopkeeper.settings import Language, Synonym

_SNOWBALL: Mapping[Language, str] = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip

_REMEMBERED = 200_000  # words: more than most shops have

Stems = tuple[str, ...]


class Analyser(NamedTuple):
    """Texts → words → stems, the same for what is indexed and what is asked."""

    stem: Callable[[str], str]
    chinese: Chinese = Chinese()

    @classmethod
    def of(cls, languages: Sequence[Language] = ("en",), chinese: Chinese | None = None) -> Analyser:
        return cls(stemmer(languages), chinese or Chinese())

    def words(self, said: str) -> list[str]:
        """The words under which a text is indexed, in order."""
        return text.words(self.chinese.simplify(said), self.chinese.lexicon)

    def characters(self, said: str) -> list[str]:
        """As text.characters."""
        return text.characters(self.chinese.simplify(said))

    def query_words(self, query: str) -> list[text.Word]:
        """As text.query_words."""
        return text.query_words(self.chinese.simplify(query), self.chinese.lexicon)

    def stems(self, words: Iterable[text.Word]) -> Stems:
        return tuple(self.stem(word.text) for word in words)


class Wording(NamedTuple):
    """What a merchant says of words. synonyms: the stems of words → what they find besides, as words."""

    stop_words: frozenset[str] = text.STOPWORDS
    synonyms: Mapping[Stems, tuple[tuple[str, ...], ...]] = {}
    longest: int = 0

    @classmethod
    def of(cls, synonyms: Sequence[Synonym], stop_words: Iterable[str], analyser: Analyser) -> Wording:
        found: dict[Stems, list[tuple[str, ...]]] = {}
        for words, others in _pairs(synonyms):
            asked = analyser.query_words(words)
            meant = tuple(word.text for word in analyser.query_words(others))
            if asked and meant and (stems := analyser.stems(asked)) != tuple(map(analyser.stem, meant)):
                found.setdefault(stems, []).append(meant)
        own = {word.text for each in stop_words for word in analyser.query_words(each)}
        return cls(
            text.STOPWORDS | own,
            {stems: tuple(dict.fromkeys(meant)) for stems, meant in found.items()},
            max(map(len, found), default=0),
        )


def _pairs(synonyms: Sequence[Synonym]) -> Iterator[tuple[str, str]]:
    for synonym in synonyms:
        for words in synonym.words:
            for other in synonym.means or synonym.words:
                yield words, other


def stemmer(languages: Sequence[Language]) -> Callable[[str], str]:
    """Snowball stems, of which the last are remembered. Of several languages, each takes its endings off what the one
    before left, so that what one of them holds to be the same word remains so."""
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    for language in languages:
        builder = builder.filter(tantivy.Filter.stemmer(_SNOWBALL[language]))
    analyser = builder.build()

    @lru_cache(maxsize=_REMEMBERED)
    def stem(word: str) -> str:
        return str(analyser.analyze(word)[0])

    return stem
