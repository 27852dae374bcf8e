"""Keys: what they open, what can be signed with them, and that nothing opens more than it should."""

from __future__ import annotations

import base64
import hmac
import json
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import small_shop
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from typer.testing import CliRunner

from shopkeeper.cli.commands import app as commands
from shopkeeper.errors import SettingsError
from shopkeeper.keys import KeyStore, Role, hashed
from shopkeeper.server import callers
from shopkeeper.server.app import create_app
from shopkeeper.server.callers import KeyRing
from shopkeeper.server.doors import require_keys
from shopkeeper.server.refusals import Refused
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop

TURNED_AWAY = (401, 429)  # 429 after many wrong keys from one address
EVENT = {"id": "k-1", "type": "view", "item": "mug-red", "user": "u1"}
ASKS: dict[Role, tuple[str, str, Any]] = {  # a request that a role opens
    Role.SEARCH: ("POST", "/v1/search", {"query": "mug"}),
    Role.EVENTS: ("POST", "/v1/events", EVENT),
    Role.MERCHANDISE: ("GET", "/v1/rules", None),
    Role.ADMIN: ("GET", "/v1/shoppers", None),
}


@pytest.fixture(scope="module")
def keys(shop: Shop) -> dict[str, str]:
    """A key for each role, and one that shows nothing but what Acme makes."""
    store = KeyStore(shop.directory)
    made = {role.value: store.create([role])[1] for role in Role}
    return {**made, "acme": store.create([Role.SEARCH, Role.EVENTS], filter="brand = Acme")[1]}


@pytest.fixture(scope="module")
def client(shop: Shop, keys: dict[str, str]) -> Iterator[TestClient]:  # noqa: ARG001 - keys are made before it opens
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(autouse=True)
def look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "LOOK_AGAIN_S", 0.0)


def ask(client: TestClient, key: str | None, role: Role = Role.SEARCH) -> Any:
    method, path, body = ASKS[role]
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return client.request(method, path, json=body, headers=headers)


def search(client: TestClient, key: str, surface: str = "", **body: Any) -> Any:
    path = f"/v1/shelves/{surface}" if surface else "/v1/search"
    return client.post(path, json=body if surface else {"query": "mug", **body}, headers={"X-API-Key": key})


def found(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {placement["item"]["id"] for placement in answer.json().get("placements", [])}


def sign(key: str, **claims: Any) -> str:
    """As any backend does it, without calling us."""
    claims.setdefault("exp", time.time() + 60)
    return jwt.encode(claims, hashed(key), algorithm="HS256", headers={"kid": key.split("_")[1]})


def test_a_role_opens_its_own_door_and_an_admin_all(client: TestClient, keys: dict[str, str]) -> None:
    for held in Role:
        for asked in Role:
            opens = held in (asked, Role.ADMIN)
            assert ask(client, keys[held], asked).status_code == (200 if opens else 403), (held, asked)


def test_without_a_right_key_nothing_opens_and_nothing_is_read(client: TestClient, keys: dict[str, str]) -> None:
    for wrong in (None, "", "x", "shop_", keys["search"][:-1], keys["search"] + "x", "shop_00000000_" + "x" * 43):
        for role in Role:
            refused = ask(client, wrong, role)
            assert refused.status_code in TURNED_AWAY
            assert "error" in refused.json()
    unread = client.post("/v1/events", content=b"no JSON at all")
    assert unread.status_code == 401
    for public in ("/v1/health", "/v1/ready", "/openapi.json"):
        assert client.get(public).status_code == 200


def test_both_headers_carry_a_key(client: TestClient, keys: dict[str, str]) -> None:
    assert found(search(client, keys["search"])) == {"mug-red", "mug-blue", "mug-green"}
    assert ask(client, keys["search"]).status_code == 200


def test_a_filter_cannot_be_widened(client: TestClient, keys: dict[str, str]) -> None:
    acme = found(search(client, keys["acme"], size=20))
    assert acme
    assert acme < found(search(client, keys["search"], size=20))
    for wider in ("brand != Acme", "price > 0) or (price > 0", "exists brand or exists price", "x = 1 or brand exists"):
        answer = search(client, keys["acme"], filter=wider, size=20)
        assert answer.status_code == 400 or found(answer) <= acme
    assert found(search(client, keys["acme"], filter="price > 0", size=20)) == acme


@given(text=st.text(alphabet="abp()[]\"'“”\\ =<>!,or&and not\n", max_size=40))
def test_no_filter_widens_another(client: TestClient, keys: dict[str, str], text: str) -> None:
    answer = search(client, keys["acme"], filter=text, size=20)
    assert answer.status_code == 400 or found(answer) <= {"mug-red", "mug-green"}


def test_what_a_filter_hides_is_nowhere_to_be_seen(client: TestClient, keys: dict[str, str]) -> None:
    headers = {"X-API-Key": keys["acme"]}
    assert client.get("/v1/items/mug-red", headers=headers).status_code == 200
    assert client.get("/v1/items/mug-blue", headers=headers).status_code == 404
    assert client.get("/v1/images/mug-blue", headers=headers).status_code == 404
    explained = client.get("/v1/explain", params={"item": "mug-blue", "query": "mug"}, headers=headers)
    assert (explained.status_code, "Bolt" in explained.text) == (404, False)
    similar = search(client, keys["acme"], "similar", items=["mug-blue", "mug-red"])
    assert "Blue mug" not in similar.text


def test_no_reason_tells_of_a_past_that_a_filter_hides(client: TestClient, keys: dict[str, str]) -> None:
    views = [{"id": f"past-{at}", "type": "view", "user": "past", "item": "mug-blue"} for at in range(3)]
    assert client.post("/v1/events", json=views, headers={"X-API-Key": keys["acme"]}).status_code == 200
    asked = {"item": "mug-green", "surface": "home", "user": "past"}
    told = {
        name: search(client, keys[name], "home", user="past").text
        + client.get("/v1/explain", params=asked, headers={"X-API-Key": keys[name]}).text
        for name in ("search", "acme")
    }
    assert "“Blue mug" in told["search"]
    assert "Blue mug" not in told["acme"]


def test_a_signed_key_narrows_its_parent(client: TestClient, keys: dict[str, str]) -> None:
    everything = found(search(client, sign(keys["search"]), size=20))
    cheap = found(search(client, sign(keys["search"], filter="price < 6"), size=20))
    assert cheap == {"mug-red"} < everything
    both = found(search(client, sign(keys["acme"], filter="price < 6 or brand != Acme"), size=20))
    assert both == {"mug-red"}
    only_home = sign(keys["search"], surfaces=["home"])
    assert search(client, only_home, "home").status_code == 200
    assert search(client, only_home).status_code == 403
    assert search(client, only_home, "popular").status_code == 403
    explained = client.get("/v1/explain?item=mug-red&query=mug", headers={"X-API-Key": only_home})
    assert explained.status_code == 403


def test_a_signed_key_speaks_for_its_user_alone(client: TestClient, keys: dict[str, str]) -> None:
    key = sign(keys["acme"], user="pinned")
    assert search(client, key, "recent", user="u1").status_code == 403
    event = {"id": "pin-1", "type": "view", "item": "mug-red"}
    headers = {"X-API-Key": key}
    assert client.post("/v1/events", json={**event, "user": "u1"}, headers=headers).status_code == 403
    assert client.post("/v1/events", json=event, headers=headers).json() == {"accepted": 1, "known": 0}
    assert "mug-red" in found(search(client, key, "recent"))
    assert "mug-red" in found(search(client, keys["acme"], "recent", user="pinned"))


def test_nothing_signed_is_an_admin(client: TestClient, keys: dict[str, str]) -> None:
    signed = sign(keys["admin"])
    assert ask(client, signed, Role.SEARCH).status_code == 200
    assert ask(client, signed, Role.EVENTS).status_code == 200
    assert ask(client, signed, Role.ADMIN).status_code == 403
    assert ask(client, signed, Role.MERCHANDISE).status_code == 403
    assert ask(client, sign(keys["admin"], roles=["admin"]), Role.ADMIN).status_code == 403
    assert ask(client, sign(keys["admin"], roles=["search"]), Role.EVENTS).status_code == 403
    assert ask(client, sign(keys["search"], roles=["search", "events"]), Role.EVENTS).status_code == 403


def forged(key: str) -> dict[str, str]:
    """Tokens that look like signed keys, and are not."""
    id_ = key.split("_")[1]
    right = sign(key)
    head, body, signature = right.split(".")
    other = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + 99}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": id_}).encode()).decode().rstrip("=")
    deep = base64.urlsafe_b64encode(b"[" * 5_000).decode().rstrip("=")
    later = int(time.time()) + 60
    return {
        "signed with the key, not its hash": jwt.encode({"exp": later}, key, algorithm="HS256", headers={"kid": id_}),
        "signed with the id": jwt.encode({"exp": later}, id_.ljust(64, "0"), algorithm="HS256", headers={"kid": id_}),
        "another algorithm": jwt.encode({"exp": later}, hashed(key), algorithm="HS512", headers={"kid": id_}),
        "no algorithm": f"{none}.{body}.",
        "no signature": f"{head}.{body}.",
        "another body": f"{head}.{other}.{signature}",
        "no parent": jwt.encode({"exp": later}, hashed(key), algorithm="HS256"),
        "unknown parent": jwt.encode({"exp": later}, hashed(key), algorithm="HS256", headers={"kid": "00000000"}),
        "expired": sign(key, exp=time.time() - 60),
        "without end": jwt.encode({}, hashed(key), algorithm="HS256", headers={"kid": id_}),
        "endless": sign(key, exp=float("inf")),
        "not yet": sign(key, nbf=time.time() + 600),
        "a claim that is misspelt": sign(key, fitler="price < 6"),
        "a claim that does not fit": sign(key, surfaces="home"),
        "nested deeply": f"{deep}.{deep}.{deep}",
        "rubbish": "..",
    }


@pytest.mark.parametrize("how", forged(f"shop_0_{'x' * 43}"))
def test_what_is_not_signed_rightly_opens_nothing(shop: Shop, keys: dict[str, str], how: str) -> None:
    with pytest.raises(Refused) as told:
        KeyRing(shop.directory).caller(forged(keys["search"])[how])
    assert told.value.status == 401


@given(
    text=st.one_of(
        st.text(max_size=80),
        st.lists(st.binary(max_size=30), min_size=3, max_size=3).map(
            lambda parts: ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        ),
    )
)
def test_rubbish_is_refused_with_a_sentence(shop: Shop, keys: dict[str, str], text: str) -> None:  # noqa: ARG001
    with pytest.raises(Refused):
        KeyRing(shop.directory).caller(text)


def documented(language: str) -> str:
    page = (Path(__file__).parents[2] / "docs" / "doors.md").read_text(encoding="utf-8")
    return page.split(f"```{language}\n")[1].split("```")[0]


def test_the_documented_python_signs(shop: Shop, keys: dict[str, str]) -> None:
    names: dict[str, Any] = {"key": keys["search"]}
    exec(documented("python"), names)
    caller = KeyRing(shop.directory).caller(names["token"])
    assert (caller.user, caller.filter, caller.surfaces) == ("u42", "market = DE", ("home", "search"))


def test_the_documented_javascript_signs(shop: Shop, keys: dict[str, str], tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        message = "there is no node here (Debian: apt-get install nodejs)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    script = documented("js") + f"console.log(signed({json.dumps(keys['search'])}, {{ user: 'u42', rate: 5 }}));"
    (tmp_path / "sign.mjs").write_text(script)
    said = subprocess.run([node, tmp_path / "sign.mjs"], capture_output=True, text=True, check=True, timeout=60)
    caller = KeyRing(shop.directory).caller(said.stdout.strip())
    assert (caller.user, caller.signed_rate) == ("u42", 5.0)


def test_a_revoked_or_expired_key_and_what_it_signed_open_nothing(client: TestClient, shop: Shop) -> None:
    store = KeyStore(shop.directory)
    key, text = store.create([Role.SEARCH])
    signed = sign(text)
    assert (ask(client, text).status_code, ask(client, signed).status_code) == (200, 200)
    picture = search(client, text, query="red mug").json()["placements"][0]["item"]["image"]
    assert client.get(picture).status_code == 200
    store.revoke(key.id)
    assert {ask(client, text).status_code, ask(client, signed).status_code} <= {*TURNED_AWAY}
    assert client.get(picture).status_code in TURNED_AWAY
    _, late = store.create([Role.SEARCH], expires=time.time() - 1)
    assert {ask(client, late).status_code, ask(client, sign(late)).status_code} <= {*TURNED_AWAY}


def test_a_picture_opens_by_the_address_that_was_shown(client: TestClient, keys: dict[str, str]) -> None:
    picture = search(client, keys["search"], query="red mug").json()["placements"][0]["item"]["image"]
    assert keys["search"] not in picture
    assert client.get(picture).content == small_shop.PNG
    assert client.get(picture.partition("?")[0]).status_code == 401  # no key at all
    assert client.get(picture[:-1]).status_code in TURNED_AWAY
    assert client.get(picture.replace("mug-red", "mug-blue")).status_code in TURNED_AWAY


def test_no_holder_of_a_key_can_sign_for_more_than_it_reaches(client: TestClient, shop: Shop) -> None:
    store = KeyStore(shop.directory)
    bolt, teller = store.create([Role.SEARCH], filter="brand = Bolt"), store.create([Role.EVENTS])
    for key, text in (bolt, teller):
        mac = hmac.digest(hashed(text).encode(), b"picture:mug-red", "sha256")[:16].hex()
        assert client.get("/v1/images/mug-red", params={"by": f"{key.id}.{mac}"}).status_code in (403, 404)


def test_keys_are_kept_as_hashes_that_only_the_owner_reads(shop: Shop, keys: dict[str, str]) -> None:
    path = shop.directory / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = path.read_text()
    assert not any(key in kept for key in keys.values())
    assert hashed(keys["search"]) in kept


def test_no_key_file_can_open_a_shop_again(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path / "shop")
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        assert ask(client, None).status_code == 200
        key, text = KeyStore(shop.directory).create([Role.SEARCH])
        assert (ask(client, None).status_code, ask(client, text).status_code) == (401, 200)
        kept = (shop.directory / "keys.json").read_bytes()
        (shop.directory / "keys.json").write_bytes(kept[:-9])
        assert (ask(client, None).status_code, ask(client, text).status_code) == (401, 503)
        (shop.directory / "keys.json").unlink()
        assert (ask(client, None).status_code, ask(client, text).status_code) == (401, 401)
        (shop.directory / "keys.json").write_bytes(kept)
        assert ask(client, text).status_code == 200
        KeyStore(shop.directory).revoke(key.id)
        assert ask(client, None).status_code == 401


def test_a_shop_without_keys_opens_to_this_machine_alone(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    require_keys(tmp_path, "127.0.0.1")
    require_keys(tmp_path, "::1")
    for public in ("0.0.0.0", "::", "192.168.1.4", "shop.example.com"):
        with pytest.raises(SettingsError, match=r"no keys.*keys create.*open = true"):
            require_keys(tmp_path, public)
    with TestClient(create_app(shop)) as client:
        search = ASKS[Role.SEARCH]
        for headers in (
            {"Host": "evil.example"},
            {"Origin": "http://evil.example"},
            {"Host": "[::1", "Origin": "null"},
        ):
            assert client.request(search[0], search[1], json=search[2], headers=headers).status_code == 403
        for headers in ({"Host": "[::1]:80"}, {"Host": "localhost:8000", "Origin": "http://localhost:8000"}):
            assert client.request(search[0], search[1], json=search[2], headers=headers).status_code == 200
    KeyStore(tmp_path).create([Role.ADMIN])
    require_keys(tmp_path, "0.0.0.0")


def test_a_shop_may_say_that_it_is_open(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    (tmp_path / "shop.toml").write_text("[server]\nopen = true\n")
    require_keys(tmp_path, "0.0.0.0")
    with TestClient(create_app(Shop(tmp_path))) as client:
        assert client.post("/v1/search", json={"query": "mug"}, headers={"Host": "shop.example.com"}).status_code == 200


def test_the_commands_make_list_and_revoke(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)

    def run(*words: str) -> Any:
        return CliRunner().invoke(commands, ["keys", *words, "--shop", str(tmp_path)])

    assert "no key" in run("list").output
    made = run("create", "--role", "search", "--role", "events", "--name", "page", "--filter", "brand = Acme")
    text = made.output.split()[0]
    assert KeyRing(tmp_path).caller(text).roles == {Role.SEARCH, Role.EVENTS}
    assert text.split("_")[2] not in run("list").output
    (listed,) = json.loads(run("list", "--json").output)
    assert (listed["name"], listed["state"], "hash" in listed) == ("page", "valid", False)
    assert run("revoke", listed["id"]).exit_code == 0
    assert "revoked" in run("list").output
    dated = json.loads(run("create", "--role", "search", "--expires", "12h", "--rate", "5", "--json").output)
    assert KeyRing(tmp_path).caller(dated["key"]).rate == 5.0
    for wrong in (
        ("revoke", "nothing"),
        ("create", "--role", "admin", "--filter", "brand = Acme"),
        ("create", "--role", "search", "--role", "merchandise", "--filter", "brand = Acme"),
        ("create", "--role", "search", "--filter", "brand ="),
        ("create", "--role", "search", "--expires", "soon"),
        ("create", "--role", "search", "--expires", "2001-01-01"),
        ("create", "--role", "search", "--rate", "0"),
    ):
        assert run(*wrong).exit_code == 2, wrong
    assert len(KeyStore(tmp_path).read()) == 2


def test_serving_strangers_without_keys_is_refused(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    said = CliRunner().invoke(commands, ["serve", "--shop", str(tmp_path), "--host", "0.0.0.0", "--port", "0"])
    assert said.exit_code == 2
    assert "keys create" in said.output
    assert Settings().server.host == "127.0.0.1"
