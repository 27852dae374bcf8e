"""curation.sqlite: drafts, publications, the audit; whatever happens to whoever writes."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shopkeeper.data.curation import FILE, By, Conflict, Curation, Kind
from shopkeeper.errors import DataError, RequestError
from shopkeeper.settings import Rule, Synonym

ADA, BOB = By("Ada", "for the season"), By("Bob")
RED, BLUE = Rule(query="red"), Rule(query="blue")
CUPS = Synonym(words=("mug", "cup"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Curation]:
    store = Curation(tmp_path / FILE)
    yield store
    store.close()


def in_force(store: Curation) -> list[tuple[str, str]]:
    return [(rule.id, rule.query) for rule in store.published().rules]


def test_a_shop_that_nobody_curates_has_no_file(store: Curation) -> None:
    assert (store.publication(), store.published().rules, store.entries(Kind.RULE), store.audit()) == (0, (), [], [])
    assert not store.path.exists()


def test_a_draft_is_in_force_once_it_is_published(store: Curation) -> None:
    entry = store.write(Kind.RULE, "b", RED, ADA)
    store.write(Kind.RULE, "a", BLUE, ADA)
    store.write(Kind.SYNONYM, "cups", CUPS, ADA)
    assert entry is not None
    assert entry.state == "new"
    assert in_force(store) == []
    assert [rule.id for rule in store.drafted().rules] == ["a", "b"]
    store.publish(ADA, only=[(Kind.RULE, "b")])
    assert (in_force(store), store.published().synonyms) == ([("b", "red")], ())
    assert store.publish(BOB).publication == 2
    assert (in_force(store), store.published().synonyms) == ([("a", "blue"), ("b", "red")], (CUPS,))
    assert {entry.state for entry in store.entries(Kind.RULE)} == {"published"}


def test_what_is_removed_goes_with_the_next_publication(store: Curation) -> None:
    store.write(Kind.RULE, "a", RED, ADA)
    assert store.write(Kind.RULE, "a", None, ADA) is None  # never published: gone at once
    store.write(Kind.RULE, "a", RED, ADA)
    store.publish(ADA)
    store.write(Kind.RULE, "a", None, ADA)
    assert (store.entry(Kind.RULE, "a").state, in_force(store)) == ("removed", [("a", "red")])
    store.publish(ADA)
    assert (in_force(store), store.entries(Kind.RULE)) == ([], [])
    for gone in ("a", "b"):
        with pytest.raises(RequestError, match=f"there is no rule '{gone}'"):
            store.write(Kind.RULE, gone, None, ADA)


def test_a_draft_that_says_what_is_in_force_is_none(store: Curation) -> None:
    store.write(Kind.RULE, "a", RED, ADA)
    store.publish(ADA)
    store.write(Kind.RULE, "a", BLUE, ADA)
    assert store.entry(Kind.RULE, "a").state == "changed"
    store.write(Kind.RULE, "a", RED, ADA)
    assert store.entry(Kind.RULE, "a").state == "published"
    with pytest.raises(RequestError, match="there is nothing to publish"):
        store.publish(ADA)


def test_who_was_overtaken_is_told(store: Curation) -> None:
    first = store.write(Kind.RULE, "a", RED, ADA, version=0)
    assert first is not None
    store.publish(ADA)
    assert store.entry(Kind.RULE, "a").version == first.version  # publishing changes nothing in it
    store.write(Kind.RULE, "a", BLUE, BOB, version=first.version)
    for version in (0, first.version):
        with pytest.raises(Conflict, match="changed by somebody else meanwhile"):
            store.write(Kind.RULE, "a", RED, ADA, version=version)
    assert store.entry(Kind.RULE, "a").draft == Rule(id="a", query="blue")


def test_one_of_many_who_write_at_once_is_first(store: Curation) -> None:
    """Each adds 1 to a number, and reads it again where another came between: none is lost."""
    store.write(Kind.RULE, "n", Rule(name="0"), ADA)

    def add() -> None:
        own = Curation(store.path)
        for _ in range(5):
            while True:
                entry = own.entry(Kind.RULE, "n")
                more = Rule(name=str(int(entry.draft.name) + 1))  # type: ignore[union-attr]
                try:
                    own.write(Kind.RULE, "n", more, BOB, entry.version)
                    break
                except Conflict:
                    continue
        own.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.entry(Kind.RULE, "n").draft == Rule(id="n", name="20")


def test_going_back_is_a_publication_too(store: Curation) -> None:
    store.write(Kind.RULE, "a", RED, ADA)
    store.publish(ADA)
    store.write(Kind.RULE, "a", BLUE, ADA)
    store.write(Kind.RULE, "b", RED, ADA)
    store.publish(ADA)
    store.write(Kind.RULE, "c", RED, ADA)
    assert store.revert(1, BOB).publication == 3
    assert in_force(store) == [("a", "red")]
    assert store.entry(Kind.RULE, "c").state == "new"
    store.revert(0, BOB)
    assert in_force(store) == []
    store.revert(2, BOB)
    assert in_force(store) == [("a", "blue"), ("b", "red")]
    for to, sentence in ((5, "in force"), (6, "there is no publication 6"), (-1, "there is no publication -1")):
        with pytest.raises(RequestError, match=sentence):
            store.revert(to, BOB)


def test_the_audit_tells_all_and_forgets_nothing(store: Curation) -> None:
    store.write(Kind.RULE, "a", RED, ADA)
    store.write(Kind.RULE, "a", BLUE, BOB)
    store.publish(ADA)
    published, changed, drafted = store.audit()
    assert (drafted.who, drafted.deed, drafted.comment, drafted.before) == ("Ada", "draft", "for the season", None)
    assert (changed.who, bytes(changed.before or b""), bytes(changed.after or b"")) == (
        "Bob",
        b'{"query":"red"}',
        b'{"query":"blue"}',
    )
    assert (published.deed, published.publication) == ("publish", 1)
    assert [line.place for line in store.audit(limit=1, before=published.place)] == [changed.place]
    with sqlite3.connect(store.path) as connection:
        for statement in ("DELETE FROM audit", "UPDATE audit SET who = 'nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="the audit is never changed"):
                connection.execute(statement)


def test_a_damaged_file_is_a_sentence_and_one_put_in_its_place_is_read(store: Curation, tmp_path: Path) -> None:
    store.write(Kind.RULE, "a", RED, ADA)
    store.publish(ADA)
    other = Curation(tmp_path / "other.sqlite")
    other.write(Kind.RULE, "b", BLUE, ADA)
    other.publish(ADA)
    other.close()
    for file in tmp_path.glob(f"{FILE}*"):
        file.unlink()
    store.path.write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        store.publication()
    (tmp_path / "other.sqlite").rename(store.path)
    assert in_force(store) == [("b", "blue")]


# Publishes pairs of rules that say the same number, and says it once each is published.
WRITER = """
import sys
from pathlib import Path
from shopkeeper.data.curation import By, Curation, Kind
from shopkeeper.settings import Rule

store = Curation(Path(sys.argv[1]))
number = max((int(rule.name) for rule in store.published().rules), default=0)
while True:
    number += 1
    for id_ in ("left", "right"):
        store.write(Kind.RULE, id_, Rule(name=str(number)), By("writer"))
    store.publish(By("writer"))
    print(number, flush=True)
"""


def kill_again_and_again(path: Path, times: int) -> None:
    chance, said = random.Random(1), 0
    for _ in range(times):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said = int(writer.stdout.readline())
            time.sleep(chance.uniform(0.0, 0.1))
            writer.send_signal(signal.SIGKILL)
            said = max([said, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        store = Curation(path)
        left, right = (int(rule.name) for rule in store.published().rules)
        assert left == right >= said, "half a publication, or one that was lost"
        assert left - said <= 1
        told = {line.publication for line in store.audit(limit=10_000) if line.deed == "publish"}
        assert told == set(range(1, store.publication() + 1))
        store.close()


def test_nothing_is_lost_or_half_published_by_kill_9(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / FILE, 2)


@pytest.mark.slow
def test_nothing_is_lost_or_half_published_by_kill_9_fifty_times(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / FILE, 50)
