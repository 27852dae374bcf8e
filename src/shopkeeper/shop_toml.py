"""shop.toml, as people read and write it: an unknown key or a wrong value stops the start and names the line and the
remedy; what is written comes from the types of the settings alone. Lists of words may lie beside it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import Meta

from shopkeeper.errors import SettingsError, did_you_mean, expected_in_words, read_misfit
from shopkeeper.settings import DEFAULT_SURFACES, EncoderSettings, Rule, Settings, Surface, Synonym

SYNONYMS, DICTIONARY = "synonyms.txt", "dictionary.txt"

Config = TypeVar("Config", bound=msgspec.Struct)


def model_settings(settings: Settings, name: str, kind: type[Config], text: str = "") -> Config:
    """What shop.toml says under [models.NAME], as the model's own type of config. Raises SettingsError. text: of the
    file, to name the line."""
    return cast(Config, _Reader({}, text, "shop.toml").convert(["models", name], settings.models.get(name, {}), kind))


def read_settings(path: Path) -> Settings:
    """Read a shop.toml, with the synonyms.txt and the dictionary.txt beside it, where there are some.

    Raises SettingsError with the line, what was expected and the nearest valid name.
    """
    text = _text_of(path)
    if text is None:
        raise SettingsError(
            "there is no shop.toml",
            where=str(path.parent),
            remedy="Name a shop with --shop DIR, or make one with: shopkeeper new DIR --from SOURCE",
        )
    settings = parse_settings(text, where=str(path))
    synonyms, words = path.with_name(SYNONYMS), path.with_name(DICTIONARY)
    if said := _text_of(synonyms):
        own = parse_synonyms(said, where=str(synonyms))
        settings = msgspec.structs.replace(settings, synonyms=(*settings.synonyms, *own))
    if said := _text_of(words):
        dictionary = (*settings.search.dictionary, *(line.split()[0] for line in _lines(said).values()))
        search = msgspec.structs.replace(settings.search, dictionary=dictionary)
        settings = msgspec.structs.replace(settings, search=search)
    return settings


def parse_synonyms(text: str, where: str = SYNONYMS) -> tuple[Synonym, ...]:
    """Synonyms as Solr and Lucene write them, a line each: "sofa, couch" find each other, and of "phone => smartphone"
    the first finds the second as well. Raises SettingsError with the line."""
    found = []
    for number, line in _lines(text).items():
        words, *means = ([_unescaped(word) for word in _split(",", side)] for side in _split("=>", line))
        if not all(words) or len(means) > 1 or not all(map(all, means)) or len(words) + sum(map(len, means)) < 2:
            raise SettingsError(
                f"{line.strip()!r} says no synonyms",
                where=f"{where}, line {number}",
                expected="such as: sofa, couch; or: phone => smartphone",
            )
        found.append(Synonym(tuple(words), tuple(*means)))
    return tuple(found)


def _lines(text: str) -> dict[int, str]:
    """By number, without comments and empty ones."""
    numbered = enumerate(text.removeprefix("\ufeff").splitlines(), start=1)
    return {number: line for number, line in numbered if line.strip() and not line.lstrip().startswith("#")}


def _split(mark: str, text: str) -> list[str]:
    return re.split(rf"(?<!\\){mark}", text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text.strip())


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise SettingsError("not readable as text", where=str(path), expected="UTF-8") from None


def parse_settings(text: str, where: str = "shop.toml") -> Settings:
    """The settings in a TOML text; `where` names it in errors. Raises SettingsError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        place = f"{where}, line {line[1]}" if line else where
        raise SettingsError(f"not valid TOML: {re.sub(r' [(]at .*', '', str(error))}", where=place) from None
    except RecursionError:
        raise SettingsError("nested too deeply", where=where, expected="plain tables") from None
    return _Reader(raw, text, where).settings()


class _Reader:
    """Reads one text's settings table by table, so that every complaint knows its full name and line."""

    def __init__(self, raw: dict[str, Any], text: str, where: str) -> None:
        self.raw, self.text, self.where = raw, text, where

    def settings(self) -> Settings:
        for name in self.raw:
            if name not in Settings.__struct_fields__:
                self._unknown([name], Settings.__struct_fields__)
        tables: dict[str, Any] = {
            field.name: self.convert([field.name], self.raw[field.name], field.type)
            for field in msgspec.structs.fields(Settings)
            if field.name in self.raw and field.name not in ("surfaces", "rules", "synonyms")
        }
        self._tunable(tables.get("encoder", EncoderSettings()))
        return Settings(**tables, surfaces=self._surfaces(), rules=self._rules(), synonyms=self._synonyms())

    def _tunable(self, encoder: EncoderSettings) -> None:
        if encoder.fine_tune and encoder.model in ("trained", "none"):
            raise SettingsError(
                f"encoder.fine_tune is true, and encoder.model {encoder.model!r}, of which there is nothing to tune",
                where=self._line(["encoder", "fine_tune"]),
                expected='encoder.model "auto", "bundled", a directory, or a Hugging Face name',
                remedy="Name a pretrained model, or set: encoder.fine_tune = false",
            )

    def _surfaces(self) -> dict[str, Surface]:
        surfaces = dict(DEFAULT_SURFACES)
        for name, own in self.convert(["surfaces"], self.raw.get("surfaces", {}), dict[str, Any]).items():
            default = msgspec.to_builtins(surfaces[name]) if name in surfaces else {}
            table = {**default, **own} if isinstance(own, dict) else own
            surfaces[name] = self.convert(["surfaces", name], table, Surface)
        return surfaces

    def _rules(self) -> tuple[Rule, ...]:
        tables = self.convert(["rules"], self.raw.get("rules", []), list[Any])
        rules = tuple(self.convert(["rules", str(index)], table, Rule) for index, table in enumerate(tables))
        surfaces = (*DEFAULT_SURFACES, *self.raw.get("surfaces", {}))
        for index, rule in enumerate(rules):
            self._known(["rules", str(index), "surface"], rule.surface, surfaces)
        return rules

    def _synonyms(self) -> tuple[Synonym, ...]:
        tables = self.convert(["synonyms"], self.raw.get("synonyms", []), list[Any])
        return tuple(self.convert(["synonyms", str(index)], table, Synonym) for index, table in enumerate(tables))

    def convert(self, keys: list[str], value: Any, kind: Any) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            inner, message = read_misfit(error)
            self._explain(message, [*keys, *inner], _value_at(inner, value), kind)

    def _explain(self, message: str, keys: list[str], value: Any, kind: Any) -> NoReturn:
        """Turn msgspec's "Expected `int`, got `str`" into name, line, expectation and remedy."""
        if unknown := re.search(r"unknown field `(.+?)`", message):
            self._unknown([*keys, unknown[1]], kind.__struct_fields__)
        if missing := re.search(r"missing required field `(.+?)`", message):
            raise SettingsError(
                f"{_dotted(keys)} has no {missing[1]!r}",
                where=self._line(keys),
                remedy=f"Give it {missing[1]} = [...]: {_help_of(kind, missing[1])}.",
            )
        if message.startswith("Invalid enum value"):
            self._known(keys, value, _choices(kind, next(key for key in reversed(keys) if not key.isdigit())))
        patterned = "matching regex" in message
        expected = _help_of(kind, keys[-1]) if patterned else expected_in_words(message)
        raise SettingsError(f"{_dotted(keys)} is {_shown(value)}", where=self._line(keys), expected=expected)

    def _known(self, keys: list[str], value: str, names: Sequence[str]) -> None:
        if value in names:
            return
        raise SettingsError(
            f"{_dotted(keys)} is {_shown(value)}",
            where=self._line(keys),
            expected="one of " + ", ".join(dict.fromkeys(names)),
            remedy=did_you_mean(value, names),
        )

    def _unknown(self, keys: list[str], names: Sequence[str]) -> NoReturn:
        remedy = did_you_mean(keys[-1], names) or f"Known here: {', '.join(names)}."
        raise SettingsError(f"unknown key {_dotted(keys)!r}", where=self._line(keys), remedy=remedy)

    def _line(self, keys: list[str]) -> str:
        """`file, line N` of the deepest of `keys` that the text spells out."""
        best, depth = 0, 0
        for number, path in _spelled(self.text):
            if len(path) > depth and path == keys[: len(path)]:
                best, depth = number, len(path)
        return f"{self.where}, line {best}" if best else self.where


def _spelled(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and full key path of each line that opens a table or gives a key; [[tables]] count from 0."""
    table: list[str] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[(\[?)\s*([^\]#]+?)\s*\]", line):
            table = _split_key(header[2])
            if header[1]:
                counts[header[2]] = counts.get(header[2], -1) + 1
                table = [*table, str(counts[header[2]])]
            yield number, table
        elif key := re.match(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=", line):
            yield number, [*table, *_split_key(key[1])]


def _split_key(key: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(r"[\w-]+|\"[^\"]*\"|'[^']*'", key)]


def _value_at(keys: list[str], value: Any) -> Any:
    for key in keys:
        value = value[int(key)] if isinstance(value, list | tuple) else value[key]
    return value


def _dotted(keys: list[str]) -> str:
    return "".join(f"[{key}]" if key.isdigit() else f".{key}" for key in keys).lstrip(".")


def _shown(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else "a list"
    return toml_value(value)


def settings_text(settings: Settings) -> str:
    """A shop.toml for `settings`: every setting with its help; what has its default value is commented out.

    `parse_settings(settings_text(s)) == s` for all settings whose surfaces hold the default ones.
    """
    parts = ["# The settings of this shop. A line that is commented out shows the default."]
    for field in msgspec.structs.fields(Settings):
        value = getattr(settings, field.name)
        if field.name == "surfaces":
            for name, surface in value.items():
                parts.append(_table_text(f"[surfaces.{_toml_key(name)}]", surface, DEFAULT_SURFACES.get(name)))
        elif field.name == "models":
            parts += [model_text(name, table) for name, table in value.items()]
            parts.append("# A model of its own making (docs/models.md), such as:\n# [models.slist]\n# items = 8192")
        elif field.name == "rules":
            example = _table_text("[[rules]]", Rule(), Rule())
            parts += [_table_text("[[rules]]", rule, Rule()) for rule in value]
            parts.append("# A rule, as often as you like:\n" + re.sub(r"^\[", "# [", example))
        elif field.name == "synonyms":
            couch = Synonym(words=("sofa", "couch"))
            example = re.sub(r"^(?!#)", "# ", _table_text("[[synonyms]]", couch, None), flags=re.M)
            parts += [_table_text("[[synonyms]]", synonym, None) for synonym in value]
            parts.append(f"# Words that mean the same, as often as you like; or a file synonyms.txt:\n{example}")
        else:
            parts.append(_table_text(f"[{field.name}]", value, type(value)()))
    return "\n\n".join(parts) + "\n"


def _table_text(header: str, table: msgspec.Struct, default: msgspec.Struct | None) -> str:
    lines = [header]
    for name in table.__struct_fields__:
        value = getattr(table, name)
        comment = "# " if default is not None and value == getattr(default, name) else ""
        setting = f"{comment}{name} = {toml_value(value)}"
        lines.append(f"{setting:<36}  # {_help_of(type(table), name)}")
    return "\n".join(lines)


def model_text(name: str, table: dict[str, Any]) -> str:
    """A table [models.NAME] of shop.toml."""
    return f"[models.{_toml_key(name)}]" + "".join(
        f"\n{_toml_key(key)} = {toml_value(its)}" for key, its in table.items()
    )


def toml_value(value: Any) -> str:
    """A value as TOML writes it: text, boolean, number, list or inline table."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml_key(name)} = {toml_value(entry)}" for name, entry in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return repr(value)


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_value(name)


def _help_of(kind: Any, name: str) -> str:
    """The help of a setting, and its choices where it has some."""
    metas = [meta for meta in _annotation(kind, name).__metadata__ if isinstance(meta, Meta)]
    text = next(meta.description for meta in metas if meta.description)
    choices = _choices(kind, name)
    return f"{text}: {', '.join(choices)}" if choices and ":" not in text else str(text)


def _choices(kind: Any, name: str) -> list[str]:
    """Of a setting, or of each of its entries, where it is a list."""
    plain = _annotation(kind, name)
    while get_origin(plain) not in (Literal, None):
        plain = get_args(plain)[0]
    return [str(choice) for choice in get_args(plain)]


def _annotation(kind: Any, name: str) -> Any:
    return next(field.type for field in msgspec.structs.fields(kind) if field.name == name)
