"""A step of RMSprop against its peers."""

from typing import Any

from benches.sections.conditions import conditions


def rmsprop_section(document: dict[str, Any]) -> str:
    """The step of RMSprop against its peers."""
    rows = document["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    absent = sorted({name for row in rows for name in row["absent"]})
    lines = [
        "## One step of RMSprop",
        "",
        "    python -m pytest -c benches/pytest.ini benches/bench_rmsprop.py",
        "",
        "Microseconds, float32; every contender's result is checked first."
        + (f" Absent: {', '.join(absent)}." if absent else ""),
        "",
        "| arrays | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for row in rows:
        cells = [_microseconds(row["seconds"].get(name)) for name in names]
        lines.append(f"| {row['case']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Times faster than each (above 1: crmsprop is faster), and bytes a second, 20 an element, against those of "
        "`np.copyto` of as many elements, 8 an element:",
        "",
        "| arrays | torch eager, the better | torch.compile | optax | numba | numba fastmath | GB/s | of the copy's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_ratios(row) for row in rows]
    if options := document.get("options"):
        lines += [
            "",
            "Options: times the plain step's time (and times its bytes; a norm is one more read of the gradient). At "
            "100,000 elements the divider is the limit. l2 in float32: where the penalty cancels a constant gradient, "
            "the mean square becomes subnormal, which the processor computes slowly.",
        ]
        lines += [
            "",
            "| option | " + " | ".join(row["case"] for row in options) + " |",
            "|---|" + "---|" * len(options),
        ]
        for name in options[0]["relative"]:
            cells = ["{:.2f} ({:.1f})".format(*row["relative"][name]) for row in options]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if update := document.get("update"):
        over = (update["rmsprop_update"] - update["empty"]) * 1e6
        lines += [
            "",
            f"`rmsprop_update` on 1,000 elements takes {update['rmsprop_update'] * 1e6:.2f} microseconds, {over:.2f} "
            "more than an empty Cython call with the same arguments.",
        ]
    return "\n".join([*lines, "", conditions(document)])


def _ratios(row: dict[str, Any]) -> str:
    seconds = row["seconds"]
    ours = seconds["crmsprop"]
    eager = [seconds[name] for name in ("torch for-loop", "torch foreach") if name in seconds]
    peers = [min(eager) if eager else None]
    peers += [seconds.get(name) for name in ("torch.compile", "optax", "numba", "numba fastmath")]
    cells = ["-" if peer is None else f"{peer / ours:.2f}" for peer in peers]
    bandwidth = [f"{row['bandwidth'] / 1e9:.1f}", f"{row['bandwidth'] / row['copy']:.2f}"]
    return f"| {row['case']} | " + " | ".join([*cells, *bandwidth]) + " |"


def _microseconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1e6:,.2f}" if value < 1e-5 else f"{value * 1e6:,.0f}"
