#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what a command printed as a terminal, for the README: picture.py < OUTPUT > demonstration.svg"""
import html
import sys

LINE_HEIGHT, CHARACTER_WIDTH, MARGIN = 17, 7.3, 16
WIDEST = 118


def main() -> None:
    lines = [line.rstrip("\n")[:WIDEST] for line in sys.stdin]
    width = int(max(map(len, lines)) * CHARACTER_WIDTH + 2 * MARGIN)
    height = len(lines) * LINE_HEIGHT + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">')
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#10222e"/>')
    print('<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="12" fill="#e6edf0" xml:space="preserve">')
    for number, line in enumerate(lines):
        colour = ' fill="#ffb454"' if "killed (-9)" in line else ' fill="#7fd88f"' if "agrees" in line else ""
        y = MARGIN + (number + 1) * LINE_HEIGHT - 5
        print(f'<text x="{MARGIN}" y="{y}"{colour}>{html.escape(line)}</text>')
    print("</g>\n</svg>")


if __name__ == "__main__":
    main()
