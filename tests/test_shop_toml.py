"""shop.toml: defaults, overlays, and sentences that name the line, the expectation and the nearest name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.errors import SettingsError
from shopkeeper.settings import DEFAULT_SURFACES, DataSettings, Rule, Settings, ShopSettings, Surface, Synonym
from shopkeeper.shop_toml import model_settings, parse_settings, parse_synonyms, read_settings, settings_text


def test_an_empty_text_gives_the_defaults() -> None:
    assert parse_settings("") == Settings()


def test_a_surface_overlays_its_default_and_a_new_one_stands_beside() -> None:
    settings = parse_settings('[surfaces.home]\ndiversity = 0.5\n[surfaces.gifts]\nsources = ["popular"]')
    assert settings.surfaces["home"] == msgspec.structs.replace(DEFAULT_SURFACES["home"], diversity=0.5)
    assert settings.surfaces["gifts"] == Surface(sources=("popular",))
    assert set(settings.surfaces) == {*DEFAULT_SURFACES, "gifts"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[server]\nport = 'x'", 'shop.toml, line 2: server.port is "x"; expected whole number.'),
        ("[server]\n\nport = 99999", "shop.toml, line 3: server.port is 99999; expected whole number <= 65535."),
        ("[encoder]\ndownload = 1", "shop.toml, line 2: encoder.download is 1; expected true or false."),
        ("[serverr]", "shop.toml, line 1: unknown key 'serverr'. Did you mean 'server'?"),
        ("[server]\nprot = 1", "shop.toml, line 2: unknown key 'server.prot'. Did you mean 'port'?"),
        ("server = 3", "shop.toml, line 1: server is 3; expected table."),
        ("[data]\nsources = ['a', 1]", "shop.toml, line 2: data.sources[1] is 1; expected text."),
        (
            "[surfaces.home]\ncandidates = 5\nsorces = ['popular']",
            "shop.toml, line 3: unknown key 'surfaces.home.sorces'. Did you mean 'sources'?",
        ),
        (
            "[surfaces.home]\n[surfaces.'my gifts']\nsources = ['popular']\nrank = 'lerned'",
            'shop.toml, line 4: surfaces.my gifts.rank is "lerned"; expected one of learned, fused. '
            "Did you mean 'learned'?",
        ),
        (
            "[surfaces]\nhome.diversity = 2",
            "shop.toml, line 2: surfaces.home.diversity is 2; expected number <= 1.0.",
        ),
        (
            "[surfaces.home]\nweights = { popular = nan }",
            "shop.toml, line 2: surfaces.home.weights is a table; expected number >= 0.0.",
        ),
        (
            "[surfaces.home]\nsources = []",
            "shop.toml, line 2: surfaces.home.sources is a list; expected list of length >= 1.",
        ),
        (
            "[search]\nlanguages = ['english']",
            'shop.toml, line 2: search.languages[0] is "english"; expected one of ar, da, de, el, en, es, fi, fr, hu, '
            "it, nl, no, pt, ro, ru, sv, ta, tr. Did you mean 'en'?",
        ),
        ("[train]\nseed = -1", "shop.toml, line 2: train.seed is -1; expected whole number >= 0."),
        ("a = " + "[" * 1_000, "shop.toml: nested too deeply; expected plain tables."),
        (
            "[[rules]]\nboost = 'a = 1'\n[[rules]]\nboots = 'a = 1'",
            "shop.toml, line 4: unknown key 'rules[1].boots'. Did you mean 'boost'?",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_remedy(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text)
    assert str(caught.value) == sentence


def test_a_new_surface_must_name_its_sources() -> None:
    with pytest.raises(SettingsError, match=r"line 2: surfaces.gifts has no 'sources'"):
        parse_settings("\n[surfaces.gifts]\nrank = 'fused'")


def test_a_rule_must_speak_of_a_surface_that_exists() -> None:
    with pytest.raises(SettingsError, match=r"line 2: rules\[0\].surface is \"hom\".*Did you mean 'home'"):
        parse_settings("[[rules]]\nsurface = 'hom'")
    own = "[surfaces.gifts]\nsources = ['popular']\n[[rules]]\nsurface = 'gifts'"
    assert parse_settings(own).rules == (Rule(surface="gifts"),)


def test_broken_toml_names_the_line() -> None:
    with pytest.raises(SettingsError, match=r"line 2: not valid TOML"):
        parse_settings("[server]\nport = = 3\n")


def test_a_missing_or_unreadable_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no shop\.toml.*shopkeeper new"):
        read_settings(tmp_path / "shop.toml")
    (tmp_path / "shop.toml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SettingsError, match="expected UTF-8"):
        read_settings(tmp_path / "shop.toml")


def test_the_written_file_shows_every_setting_with_help() -> None:
    text = settings_text(Settings())
    for part in {*Settings.__struct_fields__} - {"models"}:
        kind = {"surfaces": Surface, "rules": Rule, "synonyms": Synonym}.get(part) or type(getattr(Settings(), part))
        for name in kind.__struct_fields__:
            line = next(line for line in text.splitlines() if line.removeprefix("# ").startswith(f"{name} = "))
            assert line.rpartition("  # ")[2].strip(), f"{part}.{name} has no help"


def test_the_written_file_works_when_every_line_is_uncommented() -> None:
    bare = [line.removeprefix("# ") for line in settings_text(Settings()).splitlines()[1:]]
    text = "\n".join(line for line in bare if not line.startswith(("A rule", "A model", "Words that mean")))
    assert parse_settings(text) == Settings(
        models={"slist": {"items": 8192}}, rules=(Rule(),), synonyms=(Synonym(words=("sofa", "couch")),)
    )


@given(
    name=st.text(),
    sources=st.lists(st.text(), max_size=3).map(tuple),
    surface=st.text(min_size=1).filter(lambda name: name not in DEFAULT_SURFACES),
    pin=st.lists(st.text(), max_size=2).map(tuple),
)
def test_what_is_written_is_read_back(name: str, sources: tuple[str, ...], surface: str, pin: tuple[str, ...]) -> None:
    settings = Settings(
        shop=ShopSettings(name=name),
        data=DataSettings(sources=sources),
        surfaces={**DEFAULT_SURFACES, surface: Surface(sources=("popular",), rank="fused")},
        models={surface: {name: [1, 0.5, True]}},
        rules=(Rule(surface="home", pin=pin),),
        synonyms=(Synonym(words=(name,), means=pin),),
    )
    assert parse_settings(settings_text(settings)) == settings


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read: object = parse_settings(text)
    except SettingsError as error:
        read = error
    assert isinstance(read, Settings) or "shop.toml" in str(read)


def test_a_choice_of_a_model_is_told_with_all_that_can_be_chosen() -> None:
    from shopkeeper.learn.models.config import SasRecConfig

    settings = Settings(models={"sasrec": {"optimiser": "adam"}})
    with pytest.raises(SettingsError, match=r"expected one of adamw, sgd\. Did you mean 'adamw'\?"):
        model_settings(settings, "sasrec", SasRecConfig)


def test_synonyms_are_read_as_solr_writes_them() -> None:
    text = "# of furniture\nsofa, couch , settee\n\nphone, mobile => smartphone\na\\,b,c\n"
    assert parse_synonyms(text) == (
        Synonym(("sofa", "couch", "settee")),
        Synonym(("phone", "mobile"), ("smartphone",)),
        Synonym(("a,b", "c")),
    )


@pytest.mark.parametrize("model", ["trained", "none"])
def test_what_is_not_pretrained_cannot_be_tuned(model: str) -> None:
    text = f'[encoder]\nmodel = "{model}"\nfine_tune = true\n'
    with pytest.raises(SettingsError, match=rf"line 3: encoder.fine_tune is true.*'{model}'.*nothing to tune"):
        parse_settings(text)


@pytest.mark.parametrize("line", ["sofa", "a => b => c", "=> b", "a, => b", "a =>", ","])
def test_a_line_that_says_no_synonyms_is_refused(line: str) -> None:
    with pytest.raises(SettingsError, match=r"synonyms\.txt, line 2: .* says no synonyms"):
        parse_synonyms(f"# so\n{line}")


def test_lists_of_words_lie_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[[synonyms]]\nwords = ['tv', 'television']")
    (tmp_path / "synonyms.txt").write_text("\ufeffsofa, couch")
    (tmp_path / "dictionary.txt").write_text("充电宝 5 n\n", encoding="utf-8")
    settings = read_settings(tmp_path / "shop.toml")
    assert settings.synonyms == (Synonym(("tv", "television")), Synonym(("sofa", "couch")))
    assert settings.search.dictionary == ("充电宝",)


@given(st.text())
def test_any_list_of_synonyms_is_read_or_refused(text: str) -> None:
    try:
        read: object = parse_synonyms(text)
    except SettingsError as error:
        read = error
    assert isinstance(read, tuple) or "synonyms.txt, line" in str(read)
