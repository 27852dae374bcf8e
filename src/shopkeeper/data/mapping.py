"""mapping.toml: which file is what and which column means what, proposed by the mapper and edited by people."""

from __future__ import annotations

import msgspec


class ColumnMapping(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What one column means. `field` is a key of schema.FIELDS.

    `format` says how to read the values where that is not plain: a strptime pattern ("%m/%d/%y %H:%M"), "epoch_s",
    "epoch_ms", "epoch_us", "iso", "separator:|" for labels in one text, "json" for nested text, "unit:0.01" for a
    number to be multiplied (cents), "list" for a list column.
    """

    field: str
    format: str = ""
    confidence: float = 1.0
    evidence: str = ""


class FileMapping(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What one file is. `role` is a key of schema.ROLES.

    event_type: what every row of the file is, where no column says (a file of purchases);
    event_types: value in the event_type column → EventType ("pv" → "view"; "ignore" leaves the row out);
    returns: the prefix of an order_id that marks a return ("C"), where there is one.
    """

    path: str
    role: str
    confidence: float = 1.0
    evidence: str = ""
    event_type: str = ""
    event_types: dict[str, str] = {}
    returns: str = ""
    columns: dict[str, ColumnMapping] = {}


class Mapping(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """All of mapping.toml: one entry for each file (a database table counts as a file)."""

    files: list[FileMapping] = []
