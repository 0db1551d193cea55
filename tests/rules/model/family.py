# SPDX-License-Identifier: Apache-2.0
"""What a family does, or a clerk for it (R14 to R18a), and enrolment (R21).

The refusals up to `invalid` are done: what the entry names is known and in range.
"""

from __future__ import annotations

from .entries import Entry
from .localtime import local_date
from .places import count_unused, give_back, wait_or_rest
from .state import LIVE, Application, Place, Referral, State


def application(state: State, entry: Entry) -> str:
    """R14."""
    if state.has_other_live(entry["territory"], entry["kind"], entry["child"], entry["index"]):
        return "duplicate"
    state.applications[entry["index"]] = Application(
        number=entry["index"],
        territory=entry["territory"],
        birth_year=entry["birth_year"],
        kind=entry["kind"],
        category=entry["category"],
        child=entry["child"],
        applied_at=entry.get("applied_at", entry["time"]),
    )
    return "ok"


def reclassify(state: State, entry: Entry) -> str:
    """R15."""
    applicant = state.applications[entry["application"]]
    if applicant.state not in ("waiting", "called", "resting", "paused"):
        return "wrong_state"
    # AMBIGUOUS (R15): an owed applicant stays owed; the rule does not take it away, as R15a does.
    applicant.category = entry["category"]
    return "ok"


def correct(state: State, entry: Entry) -> str:
    """R15a."""
    applicant = state.applications[entry["application"]]
    if applicant.state not in ("waiting", "resting", "paused"):
        return "wrong_state"
    if state.has_other_live(applicant.territory, entry["kind"], applicant.child, applicant.number):
        return "duplicate"
    # AMBIGUOUS (R15a): it is no longer owed, even when birth year and kind are what they were.
    applicant.birth_year = entry["birth_year"]
    applicant.kind = entry["kind"]
    applicant.owed = False
    return "ok"


def withdraw(state: State, entry: Entry) -> str:
    """R16. A grant that ends is not counted as unused, a referral by a grant neither."""
    applicant = state.applications[entry["application"]]
    if applicant.state not in LIVE:
        return "wrong_state"
    if applicant.state == "referred":
        give_back(state, applicant)
    applicant.grant = None
    applicant.pause_last_day = None
    applicant.owed = False
    applicant.state = "withdrawn"
    return "ok"


def reinstate(state: State, entry: Entry) -> str:
    """R16a."""
    applicant = state.applications[entry["application"]]
    if applicant.state in LIVE:
        return "wrong_state"
    if state.has_other_live(applicant.territory, applicant.kind, applicant.child, applicant.number):
        return "duplicate"
    applicant.state = "waiting"
    return "ok"


def claim(state: State, entry: Entry) -> str:
    """R17."""
    applicant = state.applications[entry["application"]]
    number = entry["kindergarten"]
    if applicant.state not in ("waiting", "called", "resting"):
        return "wrong_state"
    if state.kindergartens[number].territory != applicant.territory:
        return "wrong_territory"
    if not state.kindergartens[number].open:
        return "closed"
    place = (number, applicant.birth_year, applicant.kind)
    if applicant.state == "called":
        bulletin = applicant.grant.bulletin
        if bulletin.places.get(number, 0) > 0:
            bulletin.places[number] -= 1
            return refer(state, entry, place, by_grant=True)
    if state.open.get(place, 0) > 0:
        state.open[place] -= 1
        return refer(state, entry, place, by_grant=False)
    for bulletin in state.bulletins_of(applicant.queue(), "priority"):
        if bulletin.places.get(number, 0) > 0:
            return "no_access"
    return "no_place"


def refer(state: State, entry: Entry, place: Place, by_grant: bool) -> str:
    """R17: the place is taken; the application becomes `referred`. A grant that it holds ends, not unused."""
    applicant = state.applications[entry["application"]]
    territory = state.territories[applicant.territory]
    claimed = local_date(entry["time"], territory.utc_offset_minutes)
    last_day = state.calendar.last_day_of_referral(claimed, territory.referral_days)
    applicant.referral = Referral(entry["index"], place, by_grant, last_day)
    applicant.grant = None
    applicant.owed = False
    applicant.state = "referred"
    return "ok"


def decline(state: State, entry: Entry) -> str:
    """R18."""
    applicant = state.applications[entry["application"]]
    if applicant.state != "referred":
        return "wrong_state"
    by_grant = applicant.referral.by_grant
    give_back(state, applicant)
    applicant.state = "waiting"
    if by_grant:
        count_unused(applicant)
        wait_or_rest(state, applicant)
    return "ok"


def ready(state: State, entry: Entry) -> str:
    """R18a."""
    applicant = state.applications[entry["application"]]
    if applicant.state != "resting":
        return "wrong_state"
    applicant.state = "waiting"
    applicant.unused_grants = 0
    return "ok"


def enrol(state: State, entry: Entry) -> str:
    """R21. The place is used up."""
    applicant = state.applications[entry["application"]]
    if applicant.state != "referred":
        return "wrong_state"
    applicant.referral = None
    applicant.state = "enrolled"
    return "ok"
