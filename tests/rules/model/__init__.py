# SPDX-License-Identifier: Apache-2.0
"""A naive model of RULES.md: the same results and positions as the state machine, written from the rules alone."""
