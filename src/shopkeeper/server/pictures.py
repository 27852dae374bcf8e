"""Pictures that lie in the release have an address here. `<img>` sends no key, so the address itself is signed."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from starlette.requests import Request as HttpRequest

from shopkeeper.data.schema import IN_RELEASE
from shopkeeper.server.callers import Caller
from shopkeeper.server.doors import Doors
from shopkeeper.vocabulary import Item


def pictured(http: HttpRequest, caller: Caller, item: Item) -> Item:
    """The item with an address for a picture of the release, which opens for whoever the caller shows it to."""
    if item.image != IN_RELEASE:
        return item
    doors: Doors = http.app.state.doors
    signature = doors.ring.sign_picture(caller, item.id)
    return msgspec.structs.replace(item, image=_address(http, item.id) + (f"?by={signature}" if signature else ""))


def unpictured(http: HttpRequest, item: Item) -> Item:
    """The item as the shop keeps it, when it comes back as it was shown."""
    if item.image is None or item.image.partition("?")[0] != _address(http, item.id):
        return item
    return msgspec.structs.replace(item, image=IN_RELEASE)


def _address(http: HttpRequest, item_id: str) -> str:
    return f"{quote(http.scope.get('root_path', ''))}/v1/images/{quote(item_id, safe='')}"
