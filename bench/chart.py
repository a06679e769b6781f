"""The chart of sealing throughput by size. Its colours have contrast enough on white and on black; its background is the page's."""

from html import escape

from peers import OURS, PEERS, TITLES
from rounds import SIZES, Rates, median

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 52, 130, 44, 44

TEXT = "#737b84"
COLOURS = {
    "core": "#2f7de1",
    "ntlm-sspi": "#2f7de1",
    "c-table": "#2f7de1",
    "sspi": "#d1453b",
    "winpr": "#2c8a3e",
    "gss-ntlmssp": "#b8690f",
    "pyspnego": "#9a5bd6",
}
DASHES = {"ntlm-sspi": "7 3", "c-table": "2 3"}

# Labels at the end of the lines are at least so far apart.
LABEL_HEIGHT = 17


def sealing(rates: Rates) -> str:
    lines = {}
    for name in PEERS:
        values = [(median(rates, f"seal {size}", name) or 0) * size / 1e6 for size in SIZES]
        lines[name] = values
    step = 100
    top = (int(max(max(values) for values in lines.values())) // step + 1) * step
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="12">',
        "<title>Sealing, MB/s by size of the message</title>",
        f'<text x="{LEFT}" y="22" fill="{TEXT}" font-size="15" font-weight="600">Sealing, MB/s by size of the message: one core, more is better</text>',
    ]
    for value in range(0, top + 1, step):
        y = _y(value, top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{TEXT}" stroke-opacity="{0.7 if value == 0 else 0.25}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" fill="{TEXT}" text-anchor="end">{value}</text>')
    for index, size in enumerate(SIZES):
        label = f"{size} B" if size < 1024 else f"{size // 1024} KiB"
        parts.append(f'<text x="{_x(index):.1f}" y="{HEIGHT - BOTTOM + 22}" fill="{TEXT}" text-anchor="middle">{label}</text>')
    # Ours last, above the others.
    for name in sorted(PEERS, key=lambda name: (name in OURS, name == "core")):
        points = " ".join(f"{_x(index):.1f},{_y(value, top):.1f}" for index, value in enumerate(lines[name]))
        width = 3 if name == "core" else 2
        dash = f' stroke-dasharray="{DASHES[name]}"' if name in DASHES else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="{width}" stroke-linejoin="round"{dash}/>')
        if name not in DASHES:
            parts += [
                f'<circle cx="{_x(index):.1f}" cy="{_y(value, top):.1f}" r="3" fill="{COLOURS[name]}"/>' for index, value in enumerate(lines[name])
            ]
    for name, y in _label_places({name: _y(values[-1], top) for name, values in lines.items()}).items():
        x, at = WIDTH - RIGHT, _y(lines[name][-1], top)
        weight = ' font-weight="700"' if name == "core" else ""
        parts.append(f'<path d="M{x + 4} {at:.1f}L{x + 16} {y:.1f}" stroke="{COLOURS[name]}" stroke-opacity="0.6" fill="none"/>')
        parts.append(f'<text x="{x + 20}" y="{y + 4:.1f}" fill="{COLOURS[name]}"{weight}>{escape(TITLES[name])} {lines[name][-1]:.0f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(index: int) -> float:
    """Sizes are powers of four: a step of the index is a step of the logarithm."""
    return LEFT + 16 + index * (WIDTH - LEFT - RIGHT - 16) / (len(SIZES) - 1)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _label_places(wanted: dict[str, float]) -> dict[str, float]:
    """From the top down, each as near to its line as those above allow; then from the bottom up, so that none leaves the chart."""
    names = sorted(wanted, key=lambda name: (wanted[name], PEERS.index(name)))
    places: list[float] = []
    for name in names:
        places.append(max(wanted[name], places[-1] + LABEL_HEIGHT if places else 0))
    limit = float(HEIGHT - BOTTOM)
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - LABEL_HEIGHT
    return dict(zip(names, places, strict=True))
