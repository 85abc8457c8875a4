# SPDX-License-Identifier: MIT
"""The plot: a line for each row, a dot for each program. For light and dark pages."""

import math
from xml.sax.saxutils import escape

import report
import rows

WIDTH = 960
LEFT = 330  # of the scale
RIGHT = 90  # for our figure
LINE = 26

# Ours is blue, the limit grey, the peers in colours that can be told apart by those who see red and green as one.
MARKS = {
    "asyncio": ("ours", "circle"),
    "asyncio_epoll": ("ours", "circle"),
    "asyncio_io_uring": ("ours", "diamond"),
    "limit": ("limit", "tick"),
    "raw_epoll": ("limit", "tick"),
    "asio": ("asio", "square"),
    "asio_coroutine": ("asio", "square"),
    "asio_callback": ("asio", "diamond"),
    "libuv": ("libuv", "square"),
    "go": ("go", "square"),
    "tokio": ("tokio", "square"),
    "python": ("python", "square"),
}
STYLE = """
  svg { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
  .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e } .grid { stroke: #d1d9e0 }
  .title { font-weight: 600; font-size: 15px } .figure { font-weight: 600 }
  .ours { fill: #0969da; stroke: #0969da } .limit { fill: #59636e; stroke: #59636e }
  .asio { fill: #d55e00; stroke: #d55e00 } .libuv { fill: #8250df; stroke: #8250df }
  .go { fill: #009e73; stroke: #009e73 } .tokio { fill: #b88a00; stroke: #b88a00 }
  .python { fill: #cc79a7; stroke: #cc79a7 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .faint { fill: #9198a1 } .grid { stroke: #3d444d }
    .ours { fill: #4493f8; stroke: #4493f8 } .limit { fill: #9198a1; stroke: #9198a1 }
    .asio { fill: #f0883e; stroke: #f0883e } .libuv { fill: #ab7df8; stroke: #ab7df8 }
    .go { fill: #3fb98f; stroke: #3fb98f } .tokio { fill: #d9b13b; stroke: #d9b13b }
    .python { fill: #e59fc4; stroke: #e59fc4 }
  }
"""


class Panel:
    """A scale, and lines on it."""

    def __init__(self, title, unit, lines, logarithmic=True):
        self.title = title + (", logarithmic" if logarithmic else "")
        self.unit = unit
        self.lines = [line for line in lines if line[1]]  # (text, {program: figure})
        self.logarithmic = logarithmic
        figures = [figure for _, marks in self.lines for figure in marks.values()] or [1]
        if logarithmic:
            self.low, self.high = 10 ** math.floor(math.log10(min(figures))), 10 ** math.ceil(math.log10(max(figures)))
        else:
            self.low, self.high = 0, math.ceil(max(figures))

    def at(self, value):
        part = (math.log(value / self.low) / math.log(self.high / self.low) if self.logarithmic
                else (value - self.low) / (self.high - self.low))
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def grid(self):
        if not self.logarithmic:
            return range(self.low, self.high + 1)
        steps = round(math.log10(self.high / self.low))
        return [self.low * 10 ** step for step in range(steps + 1)]

    def digits(self):
        return 1 if self.logarithmic else 2

    def height(self):
        return 74 + LINE * len(self.lines) if self.lines else 0

    def draw(self, top):
        if not self.lines:
            return []
        bottom = top + 42 + LINE * len(self.lines)
        out = [text(20, top + 22, self.title, "text title")]
        for value in self.grid():
            x = self.at(value)
            out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 36}" y2="{bottom}"/>')
            out.append(text(x, bottom + 16, f"{value:,g} {self.unit}", "faint", "middle"))
        for number, (label, marks) in enumerate(self.lines):
            y = top + 42 + LINE * number + LINE / 2
            out.append(text(LEFT - 14, y + 4, label, "text", "end"))
            out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" '
                       'stroke-dasharray="1 4"/>')
            # Ours last: on top of the others.
            for program in sorted(marks, key=lambda name: MARKS[name][0] == "ours"):
                out.append(mark(*MARKS[program], self.at(marks[program]), y, f"{rows.TITLES[program]}: "
                                f"{report.show(marks[program], digits=self.digits())} {self.unit}"))
            ours = [figure for name, figure in marks.items() if MARKS[name][0] == "ours"]
            if ours:
                out.append(text(WIDTH - RIGHT + 14, y + 4, report.show(min(ours), digits=self.digits()), "text figure"))
        return out


def text(x, y, content, classes, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}">{escape(content)}</text>'


def mark(classes, shape, x, y, tip):
    shapes = {
        "circle": f'<circle cx="{x:.1f}" cy="{y}" r="6"/>',
        "square": f'<rect x="{x - 4:.1f}" y="{y - 4}" width="8" height="8"/>',
        "diamond": f'<path d="M{x:.1f} {y - 6} l6 6 -6 6 -6 -6z"/>',
        "tick": f'<path d="M{x:.1f} {y - 9} v18" stroke-width="3"/>',
    }
    return f'<g class="{classes}"><title>{escape(tip)}</title>{shapes[shape]}</g>'


def legend(top, programs):
    out = []
    x = 20
    for name in programs:
        out.append(mark(*MARKS[name], x + 6, top, rows.TITLES[name]))
        out.append(text(x + 18, top + 4, rows.TITLES[name], "text"))
        x += 38 + 7 * len(rows.TITLES[name])
        if x > WIDTH - 160:
            x, top = 20, top + 22
    return out


def draw(results):
    def micro_lines(unit):
        for row in rows.MICRO:
            if row.unit == unit and "rtt" not in row.key:  # that is the time of the machine
                figures = {name: report.micro(results, row.key, name) for name in MARKS}
                yield row.text, {name: figure for name, figure in figures.items() if figure}

    def echo_lines():
        for case in rows.ECHO:
            figures = {name: report.echo_us(results, case.key, name) for name in MARKS}
            yield "TCP echo, " + case.text, {name: figure for name, figure in figures.items() if figure}

    memory = list(micro_lines("bytes"))
    idle = {name: results["idle"].get(name) for name in MARKS}
    memory.append(("memory of an idle connection", {name: figure for name, figure in idle.items() if figure}))
    panels = [
        Panel("Time for each operation (less is better)", "ns", list(micro_lines("ns"))),
        Panel("Server CPU time for each message", "us", list(echo_lines()), logarithmic=False),
        Panel("Memory", "B", memory),
    ]
    shown = {name for panel in panels for _, marks in panel.lines for name in marks}
    programs = [name for name in MARKS if name in shown]
    top = 28
    body = legend(top, programs)
    top += 22 * (1 + sum(38 + 7 * len(rows.TITLES[name]) for name in programs) // (WIDTH - 60))
    for panel in panels:
        body += panel.draw(top)
        top += panel.height()
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
            f'role="img" aria-label="asyncio-cpp compared with other libraries">')
    return "\n".join([head, f"<style>{STYLE}</style>", f'<rect class="page" width="{WIDTH}" height="{top}"/>', *body,
                      "</svg>"]) + "\n"
