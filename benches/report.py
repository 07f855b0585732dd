"""Makes RESULTS.md of the rows that the benches left in results/, and of the tables that are kept in tables/.

python -m benches.report
"""

import json
from pathlib import Path

from benches.pictures import draw_curves, draw_ratios
from benches.sections.alone import fine_tuning_section, footprint_section, kernels_section
from benches.sections.networks import mlp_section, predict_section, search_section, training_section
from benches.sections.optimizer import rmsprop_section

FOLDER = Path(__file__).parent
HEAD = """# Results

Every table names its command. Times are medians of contenders that took turns in one process, on a shared virtual
machine: noisy, so read the ratios, and measure again. `python -m benches.report` makes this page.

![The fastest peer, in times of crmsprop's](results.png)
"""


SECTIONS = {
    "training": training_section,
    "mlp": mlp_section,
    "predict": predict_section,
    "search": search_section,
    "kernels": kernels_section,
    "rmsprop": rmsprop_section,
    "footprint": footprint_section,
    "fine_tuning": fine_tuning_section,
}


def main() -> None:
    """Write RESULTS.md."""
    parts = [HEAD]
    for name, section in SECTIONS.items():
        path = FOLDER / "results" / f"{name}.json"
        if path.exists():
            parts.append(section(json.loads(path.read_text())))
    parts += [path.read_text().rstrip() for path in sorted((FOLDER / "tables").glob("*.md"))]
    draw_ratios()
    draw_curves()
    (FOLDER / "RESULTS.md").write_text("\n\n".join(part.strip() for part in parts) + "\n")


if __name__ == "__main__":
    main()
