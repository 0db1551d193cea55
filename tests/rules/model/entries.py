# SPDX-License-Identifier: Apache-2.0
"""The entries: their fields in order, who asks for them, and the ranges of their values."""

from __future__ import annotations

from typing import Any

from .localtime import Date, parse_date, parse_hour

Entry = dict[str, Any]
"""One line of the ledger as JSON lines."""

FIELDS: dict[str, tuple[str, ...]] = {
    "territory": ("territory", "name", "utc_offset_minutes"),
    "policy": ("territory", "evening", "morning", "first_priority", "general", "access_days", "access_unit",
               "referral_days", "stop_list_days", "unused_limit", "register_closed"),
    "calendar": ("date", "working"),
    "kindergarten": ("kindergarten", "territory", "name", "open"),
    "application": ("territory", "birth_year", "kind", "category", "evidence", "child", "secret_hash", "applied_at"),
    "reclassify": ("application", "category", "evidence"),
    "correct": ("application", "birth_year", "kind"),
    "withdraw": ("application",),
    "reinstate": ("application",),
    "claim": ("application", "kindergarten"),
    "decline": ("application",),
    "ready": ("application",),
    "vacancy": ("kindergarten", "birth_year", "kind", "places"),
    "retract": ("kindergarten", "birth_year", "kind", "places"),
    "enrol": ("application",),
    "publish": ("territory", "date"),
    "morning": ("territory", "date"),
    "grant": ("application", "bulletin"),
    "actor": ("number", "role", "territory", "kindergarten", "key_hash"),
}
"""RULES.md's braces. `applied_at` may be missing, no other field may."""

CLUSTER = ("membership", "barrier", "digest", "version")
CLOCK_DRIVEN = ("publish", "morning", "grant")
NO_REQUEST = "0" * 32

NUMBER_MAX = 4_294_967_295
RANGES: dict[str, tuple[int, int]] = {
    "territory": (1, NUMBER_MAX),
    "kindergarten": (1, NUMBER_MAX),
    "number": (1, NUMBER_MAX),
    "utc_offset_minutes": (-840, 840),
    "birth_year": (2000, 2199),
    "places": (1, 1000),
    "first_priority": (1, 255),
    "general": (1, 255),
    "access_days": (1, 255),
    "referral_days": (1, 255),
    "stop_list_days": (0, 255),
    "unused_limit": (0, 255),
}
FIRST_DATE = Date(2000, 1, 1)
LAST_DATE = Date(2199, 12, 31)
NAME_BYTES_MAX = 120


def request_of(entry: Entry) -> str | None:
    """R29: the request id, None when it has none: missing, zero, or an entry of the clock or the cluster."""
    # AMBIGUOUS (R29): clock-driven and cluster entries "have none"; one that carries an id is treated as if it did not.
    if entry["type"] in CLOCK_DRIVEN or entry["type"] in CLUSTER:
        return None
    request = entry.get("request", NO_REQUEST).lower()
    return None if request == NO_REQUEST else request


def content_of(entry: Entry) -> tuple[Any, ...]:
    """R29: what makes two entries the same: type and fields. A missing `applied_at` is None, a value of its own."""
    return (entry["type"],) + tuple(entry.get(name) for name in FIELDS[entry["type"]])


def is_out_of_range(entry: Entry) -> bool:
    """Whether a field of the entry lies outside RULES.md's ranges."""
    return any(name in entry and is_field_out_of_range(entry, name) for name in FIELDS[entry["type"]])


def is_field_out_of_range(entry: Entry, name: str) -> bool:
    """Whether that field of the entry lies outside RULES.md's ranges."""
    value = entry[name]
    if name == "name":
        return not is_name(value)
    if name == "date":
        date = parse_date(value)
        return date is None or not FIRST_DATE <= date <= LAST_DATE
    if name in ("evening", "morning"):
        return parse_hour(value) is None
    if name == "applied_at":
        return not 0 <= value <= entry["time"]
    if entry["type"] == "actor" and name in ("territory", "kindergarten"):
        return not 0 <= value <= NUMBER_MAX
    if name in RANGES:
        low, high = RANGES[name]
        return not low <= value <= high
    return False


def is_name(text: str) -> bool:
    """Names: 1 to 120 bytes of UTF-8."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return 1 <= size <= NAME_BYTES_MAX
