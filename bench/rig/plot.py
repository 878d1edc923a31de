"""plot.py - curves as SVG, drawn by gnuplot."""
import base64
import subprocess

from lab import Failure

COLOURS = {"penstock-memif": "#0b5394", "penstock-packet": "#3d9ad1", "penstock-xdp": "#17a398",
           "penstock-nic": "#7253a8", "penstock-virtio": "#2d7d46", "nginx": "#c0392b",
           "haproxy": "#e08e0b", "generator-loop": "#8a8f98",
           "ideal-proxy": "#b48ead"}
HEAD = """
set terminal svg size 620,340 dynamic enhanced font 'sans-serif,13' linewidth 1.5
set encoding utf8
set border 3 lc rgb '#555555' lw 0.7
set tics nomirror out scale 0.6 tc rgb '#333333'
set grid ytics lc rgb '#dddddd' lw 0.6 dt 1
set key outside center top horizontal Left reverse samplen 2 width 1 tc rgb '#333333'
set pointsize 0.55
"""


class Curve:
    """One line of a plot: (x, median, least, most) at each point."""

    def __init__(self, label, colour, points, is_dashed=False):
        self.label, self.colour = label, colour
        self.points, self.is_dashed = sorted(points), is_dashed


def label(system, offloads=None):
    return system + (f", offloads {offloads}" if offloads and system in ("nginx", "haproxy")
                     else "")


def svg(curves, x_label, y_label, x_is_log=True, y_is_log=True):
    """The drawing as text."""
    told = [HEAD, f"set xlabel '{x_label}' tc rgb '#333333'",
            f"set ylabel '{y_label}' tc rgb '#333333'"]
    for axis, is_log, values in (
            ("x", x_is_log, [p[0] for c in curves for p in c.points]),
            ("y", y_is_log, [v for c in curves for p in c.points for v in p[1:]])):
        if is_log:
            low, high = min(values) / 1.25, max(values) * 1.25
            told += [f"set logscale {axis}", f"set {axis}range [{low}:{high}]",
                     f"set {axis}tics ({marks(low, high)})", f"unset m{axis}tics"]
        else:
            told += [f"set {axis}range [0:{max(values) * 1.08}]", f"set format {axis} '%.0s%c'"]
    drawn, data = [], []
    for curve in curves:
        dash = "dt 2" if curve.is_dashed else "dt 1"
        drawn.append(f"'-' using 1:2:3:4 with yerrorbars notitle lc rgb '{curve.colour}' pt 7 "
                     "lw 0.8")
        drawn.append(f"'-' using 1:2 with lines title '{curve.label}' lc rgb '{curve.colour}' "
                     f"lw 1.6 {dash}")
        data += [rows(curve)] * 2
    told.append("plot " + ", ".join(drawn))
    done = subprocess.run(["gnuplot"], input="\n".join(told + data) + "\n", capture_output=True,
                          text=True, check=False)
    if done.returncode != 0 or "</svg>" not in done.stdout:
        raise Failure(f"gnuplot: {done.stderr.strip()}")
    return done.stdout


def marks(low, high):
    """Ticks at 1, 2, 5 of each decade; over many decades at 1 only."""
    steps = (1, 2, 5) if high / low < 3e3 else (1,)
    at = [step * 10.0 ** decade for decade in range(-3, 10) for step in steps]
    return ", ".join(f"'{short(value)}' {value:g}" for value in at if low <= value <= high)


def short(value):
    for unit, n in (("M", 1e6), ("k", 1e3)):
        if value >= n:
            return f"{value / n:g} {unit}"
    return f"{value:g}"


def rows(curve):
    return "\n".join(" ".join(f"{value:g}" for value in point) for point in curve.points) + "\ne"


def image(drawing, what):
    """As an element of a page that needs no other file."""
    data = base64.b64encode(drawing.encode()).decode()
    return f'<img alt="{what}" src="data:image/svg+xml;base64,{data}">'
