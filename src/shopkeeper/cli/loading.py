"""A catalogue of any size → the items of a shop that is open elsewhere, a batch at a time, over its HTTP interface."""

from __future__ import annotations

import http.client
import ssl
import time
from urllib.parse import urlsplit

import msgspec

from shopkeeper.data.catalogues import Catalogues
from shopkeeper.errors import RequestError
from shopkeeper.vocabulary import Item, Progress

AT_ONCE = 1_000  # items in one request
TRIES, PAUSE_S, LONGEST_PAUSE_S = 6, 0.5, 30.0  # of a batch that a busy or absent shop did not take
LATER = (429, 503)


class Door:
    """The interface of a shop at `address` (http://host:port, and its path where there are several)."""

    def __init__(self, address: str, key: str | None, timeout_s: float = 60.0) -> None:
        """Raises RequestError for what is no address."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RequestError(f"{address!r} is no address", where="--to", expected="http://localhost:8000")
        self._https, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path, self._timeout_s = f"{parts.path.rstrip('/')}/v1/items", timeout_s
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._connection: http.client.HTTPConnection | None = None

    def tell(self, items: list[Item]) -> None:
        """Have the shop take these items; it has them on its disk when this returns. A shop that is busy, or not there,
        is asked again for about a minute. Raises RequestError when it refuses them, or never answers."""
        body, pause = msgspec.json.encode(items), PAUSE_S
        for left in reversed(range(TRIES)):
            try:
                status, said, wait = self._send(body)
            except (OSError, http.client.HTTPException) as error:
                self._connection = None
                if not left:
                    raise self._refusal(f"the shop does not answer ({error})") from None
                status, said, wait = LATER[-1], str(error), ""
            if status < 300:
                return
            if status not in LATER or not left:
                raise self._refusal(said)
            time.sleep(min(LONGEST_PAUSE_S, float(wait) if wait.isdigit() else pause))
            pause *= 2

    def _send(self, body: bytes) -> tuple[int, str, str]:
        """The status, what was said, and when to come again (s)."""
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode(errors="replace"), answer.getheader("Retry-After", "")

    def _connect(self) -> http.client.HTTPConnection:
        if self._https:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)

    def _refusal(self, said: str) -> RequestError:
        remedy = "What came before was taken; items that are sent again change nothing."
        return RequestError(f"the items were not taken: {_sentence(said)}", where=self._host, remedy=remedy)


def load(catalogues: Catalogues, door: Door, progress: Progress) -> int:
    """Send every item that the catalogues list, AT_ONCE of them at a time; how many there are.

    Raises DataError for what cannot be read, and RequestError when the shop refuses."""
    total, sent = catalogues.read(progress), 0
    for items in catalogues.items(AT_ONCE):
        door.tell(items)
        sent += len(items)
        progress("sending items", sent, total)
    return sent


def _sentence(said: str) -> str:
    """What the body of a refusal says in words, or the body itself."""
    try:
        error = msgspec.json.decode(said)["error"]
        return ". ".join(str(error[part]) for part in ("where", "what", "expected", "remedy") if error.get(part))
    except (msgspec.MsgspecError, KeyError, TypeError):
        return said[:200]
