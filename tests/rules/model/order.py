# SPDX-License-Identifier: Apache-2.0
"""The order of calling: R7's procedure step by step, and R8's arithmetic. Both are pure."""

from __future__ import annotations

from .state import Application


def by_date(applications: list[Application]) -> list[Application]:
    """R5: by (applied_at, application number)."""
    return sorted(applications, key=lambda a: (a.applied_at, a.number))


def next_to_call(waiting: list[Application], cycle: int, first: int, general: int) -> tuple[Application, int]:
    """R7: who of the waiting is called next, and what the cycle position becomes. `waiting` is not empty."""
    owed = by_date([a for a in waiting if a.owed])
    if owed:
        return owed[0], cycle
    out_of_turn = by_date([a for a in waiting if a.category == "out_of_turn"])
    if out_of_turn:
        return out_of_turn[0], cycle
    first_priority = by_date([a for a in waiting if a.category == "first_priority"])
    general_ones = by_date([a for a in waiting if a.category == "general"])
    while True:
        if cycle < first:
            if first_priority:
                return first_priority[0], grown(cycle, first, general)
            cycle = first
        else:
            if general_ones:
                return general_ones[0], grown(cycle, first, general)
            cycle = 0


def grown(cycle: int, first: int, general: int) -> int:
    """R7: a cycle position that reaches f+g becomes 0."""
    cycle += 1
    if cycle == first + general:
        return 0
    return cycle


def positions_by_walk(waiting: list[Application], cycle: int, first: int, general: int) -> dict[int, int]:
    """R8: the position of each waiting application, by calling one after the other."""
    left = list(waiting)
    positions: dict[int, int] = {}
    while left:
        called, cycle = next_to_call(left, cycle, first, general)
        left.remove(called)
        positions[called.number] = len(positions) + 1
    return positions


def positions_by_arithmetic(waiting: list[Application], c: int, f: int, g: int) -> dict[int, int]:
    """R8: the same by its formulas, in the rule's own letters."""
    owed = by_date([a for a in waiting if a.owed])
    others = by_date([a for a in waiting if not a.owed])
    out_of_turn = [a for a in others if a.category == "out_of_turn"]
    first_priority = [a for a in others if a.category == "first_priority"]
    general = [a for a in others if a.category == "general"]
    W, O, F, G = len(owed), len(out_of_turn), len(first_priority), len(general)
    f0 = max(f - c, 0)
    g0 = g if c < f else f + g - c
    positions: dict[int, int] = {}
    for i, application in enumerate(owed):
        positions[application.number] = i + 1
    for i, application in enumerate(out_of_turn):
        positions[application.number] = W + i + 1
    for i, application in enumerate(first_priority):
        generals_before = 0 if i < f0 else g0 + g * ((i - f0) // f)
        positions[application.number] = W + O + i + 1 + min(G, generals_before)
    for j, application in enumerate(general):
        firsts_before = f0 if j < g0 else f0 + f * ((j - g0) // g + 1)
        positions[application.number] = W + O + j + 1 + min(F, firsts_before)
    return positions
