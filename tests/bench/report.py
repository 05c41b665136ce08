# SPDX-License-Identifier: Apache-2.0
"""What was measured, for people: a table and a plot."""

from statistics import median

PAIRS = {
    "fastdp": "fastdp",
    "static": "(a) static flows",
    "vxlan": "(b) kernel VXLAN and bridge",
}
# name: (what, unit, factor from what was measured, format, target, against (a))
ROWS = {
    "tcp": ("TCP, one stream", "Mbit/s", 1e-6, "%.0f", 0.96, min),
    "pps": ("64-byte packets", "a second", 1, "%.0f", 0.95, min),
    "rtt": ("ping", "µs", 1e6, "%.1f", 1.09, max),
}
# What check_pkt_len costs in (a): of the figures, at least.
CHECKED_TARGET = 0.98
FIRST_PING = {
    "adopted": "its container is there already",
    "fresh": "its container is attached as soon as it answers",
}
FIRST_PING_TARGET_S = 0.5


def summary(compare, first_ping):
    """All figures, ready for JSON: medians and ratios beside the samples."""
    rows = {}
    for name, (_, _, _, _, target, better) in ROWS.items():
        samples = compare["samples"][name]
        mid = {pair: median(samples[pair]) for pair in PAIRS}
        ratio = mid["fastdp"] / mid["static"]
        met = ratio >= target if better is min else ratio <= target
        rows[name] = {"samples": samples, "median": mid,
                      "to_static": ratio, "to_vxlan":
                      mid["fastdp"] / mid["vxlan"], "target": target,
                      "met": met}
    checked = {}
    for name in ("tcp", "pps"):
        samples = compare["samples"][name]
        ratio = median(samples["checked"]) / median(samples["static"])
        checked[name] = {"samples": samples["checked"], "to_static": ratio,
                         "target": CHECKED_TARGET,
                         "met": ratio >= CHECKED_TARGET}
    first = {}
    for name, samples in first_ping["samples"].items():
        first[name] = {"samples": samples, "median": median(samples),
                       "target": FIRST_PING_TARGET_S,
                       "met": median(samples) <= FIRST_PING_TARGET_S}
    return {"kernel": compare["kernel"], "mtu": compare["mtu"], "rows": rows,
            "check_pkt_len": checked,
            "first_ping": {"kernel": first_ping["kernel"],
                           "machine": first_ping["machine"],
                           "variants": first}}


def missed(figures):
    """The names of targets that are not met."""
    return [name for name, row in [*figures["rows"].items(),
                                   *(("check_pkt_len " + name, row)
                                     for name, row in
                                     figures["check_pkt_len"].items()),
                                   *figures["first_ping"]["variants"].items()]
            if not row["met"]]


def _verdict(row):
    return "" if row["met"] else " **missed**"


def markdown(figures):
    n = len(figures["rows"]["tcp"]["samples"]["fastdp"])
    lines = [
        "| container to container | " + " | ".join(PAIRS.values()) +
        " | to (a) | wanted | to (b) |",
        "|---|" + "--:|" * (len(PAIRS) + 3)]
    for name, row in figures["rows"].items():
        what, unit, factor, form, target, better = ROWS[name]
        lines.append("| %s, %s | %s | %.3f%s | %s %.2f | %.3f |" % (
            what, unit,
            " | ".join(form % (row["median"][p] * factor) for p in PAIRS),
            row["to_static"], _verdict(row),
            "≥" if better is min else "≤", target, row["to_vxlan"]))
    lines += ["", "Medians of %d interleaved repeats in one run; Linux %s, "
              "MTU %d; time is the number of instructions executed."
              % (n, figures["kernel"], figures["mtu"]), ""]
    lines += ["With check_pkt_len, as the flows of a narrow peer have it, (a) "
              "has %s; wanted: ≥ %.2f." % (" and ".join(
                  "%.3f%s of its %s" % (row["to_static"], _verdict(row),
                                        ROWS[name][0])
                  for name, row in figures["check_pkt_len"].items()),
                  CHECKED_TARGET), ""]
    first = figures["first_ping"]
    lines += ["| from the start of the second daemon to the first ping "
              "answered | median | slowest | wanted |", "|---|--:|--:|--:|"]
    for name, row in first["variants"].items():
        lines.append("| %s | %.2f s%s | %.2f s | ≤ %.1f s |" % (
            FIRST_PING[name], row["median"], _verdict(row),
            max(row["samples"]), row["target"]))
    lines += ["", "%d repeats; Linux %s (%s)." % (
        len(row["samples"]), first["kernel"], first["machine"])]
    return "\n".join(lines) + "\n"


# The plot: a group of bars for each measure, every repeat a dot.

COLOURS = {"fastdp": "#2f6f9f", "static": "#8a8a8a", "vxlan": "#c9a13b"}
WIDTH, HEIGHT, LEFT, TOP, BASE = 720, 380, 60, 40, 310
GROUP, BAR, TOP_RATIO = 200, 46, 1.3


def _y(ratio):
    return BASE - (BASE - TOP) * ratio / TOP_RATIO


def _text(x, y, text, anchor="middle"):
    return ('<text x="%g" y="%g" text-anchor="%s">%s</text>'
            % (x, y, anchor, text))


def _line(y, colour, x=LEFT, width=WIDTH - LEFT - 20, dash=""):
    return ('<path d="M%g %gh%g" stroke="%s" stroke-dasharray="%s"/>'
            % (x, y, width, colour, dash))


def _group(name, row, left):
    what, unit, factor, form, target, better = ROWS[name]
    static = row["median"]["static"]
    out = []
    for i, pair in enumerate(PAIRS):
        x = left + i * (BAR + 4)
        ratio = row["median"][pair] / static
        out.append('<rect x="%g" y="%.1f" width="%d" height="%.1f" fill="%s"/>'
                   % (x, _y(ratio), BAR, BASE - _y(ratio), COLOURS[pair]))
        out.append(_text(x + BAR / 2, BASE - 8,
                         form % (row["median"][pair] * factor)))
        out += ['<circle cx="%.1f" cy="%.1f" r="2"/>' % (
            x + 6 + j * (BAR - 12) / max(1, len(row["samples"][pair]) - 1),
            _y(value / static)) for j, value in
            enumerate(row["samples"][pair])]
    out.append(_line(_y(target), "#b03030", left - 4, BAR + 8, "5 3"))
    out.append(_text(left + 75, BASE + 18, what))
    out.append(_text(left + 75, BASE + 32, "%s; %s is better" % (
        unit, "more" if better is min else "less")))
    return out


def svg(figures):
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
           'font-family="sans-serif" font-size="11">' % (WIDTH, HEIGHT),
           '<rect width="100%" height="100%" fill="#ffffff"/>']
    for step in range(0, 13, 2):
        out += [_line(_y(step / 10), "#dddddd"),
                _text(LEFT - 6, _y(step / 10) + 4, "%.1f" % (step / 10),
                      "end")]
    for i, (name, row) in enumerate(figures["rows"].items()):
        out += _group(name, row, LEFT + 30 + i * (GROUP + 20))
    for i, (pair, label) in enumerate(PAIRS.items()):
        x = LEFT + 30 + i * GROUP
        out.append('<rect x="%d" y="12" width="12" height="12" fill="%s"/>'
                   % (x, COLOURS[pair]))
        out.append(_text(x + 18, 22, label, "start"))
    out.append(_text(WIDTH / 2, HEIGHT - 10, "relative to (a); dots: each "
                     "repeat; dashed: wanted of fastdp; Linux %s, time is "
                     "instructions" % figures["kernel"]))
    return "\n".join(out) + "\n</svg>\n"
