# SPDX-License-Identifier: Apache-2.0
"""R30: which actor may write which entry. Asked only after the first accepted `actor` entry."""

from __future__ import annotations

from .entries import CLOCK_DRIVEN, Entry
from .state import Actor, State

CLERK_TYPES = ("application", "reclassify", "correct", "withdraw", "reinstate", "claim", "decline", "ready")
KINDERGARTEN_TYPES = ("vacancy", "retract", "enrol")
PORTAL_TYPES = ("application", "withdraw", "claim", "decline", "ready")
ONLY_OF_ALL_TERRITORIES = ("territory", "calendar", "actor")


def allowed_by_role(state: State, entry: Entry) -> bool:
    """R30: whether the entry's type is one of its actor's."""
    number = entry.get("actor", 0)
    type_ = entry["type"]
    if type_ in CLOCK_DRIVEN:
        return number == 0
    actor = state.actors.get(number)
    if actor is None:
        return False
    if actor.role == "administrator":
        return actor.territory == 0 or type_ not in ONLY_OF_ALL_TERRITORIES
    if actor.role == "clerk":
        return type_ in CLERK_TYPES
    if actor.role == "kindergarten":
        return type_ in KINDERGARTEN_TYPES
    if actor.role == "portal":
        if "applied_at" in entry:
            return False
        return type_ in PORTAL_TYPES
    return False


def allowed_by_scope(state: State, entry: Entry) -> bool:
    """R30: whether the entry is about its actor's own territory or kindergarten. What the entry names is known."""
    if entry["type"] in CLOCK_DRIVEN:
        return True
    actor = state.actors[entry["actor"]]
    if actor.role == "kindergarten":
        return is_its_own(state, actor, entry)
    return actor.territory == 0 or actor.territory == territory_of(state, entry)


def is_its_own(state: State, actor: Actor, entry: Entry) -> bool:
    """R30, the role `kindergarten`: its own places, and referrals to itself; its territory field does not count."""
    if entry["type"] == "enrol":
        referral = state.applications[entry["application"]].referral
        # A child that is not referred at all is `wrong_state`, which is looked for later.
        return referral is None or referral.place[0] == actor.kindergarten
    return entry["kindergarten"] == actor.kindergarten


def territory_of(state: State, entry: Entry) -> int | None:
    """R30: the one territory that scope looks at: the application's, else the entry's own, else the kindergarten's."""
    if "application" in entry:
        return state.applications[entry["application"]].territory
    if "territory" in entry:
        return entry["territory"]
    # AMBIGUOUS (R30, Results): a kindergarten that is 0 is not looked for, so a `vacancy` or `retract` for it has no
    # territory. For an actor of one territory that is out of scope (`not_allowed`), for one of all it is `invalid`.
    if entry["kindergarten"] == 0:
        return None
    return state.kindergartens[entry["kindergarten"]].territory
