"""The guide's page on clusters: its lines for one run there, and find what one process finds."""

import json

from child_process import in_new_interpreter


def test_the_lines_for_a_cluster_find_what_one_process_finds(tmp_path):
    code = f"import json, guide_on_cluster; print(json.dumps(guide_on_cluster.run({str(tmp_path)!r})))"
    status, output, errors = in_new_interpreter(code, timeout=300, OMP_NUM_THREADS=None)
    assert status == 0, errors
    found = json.loads(output)
    assert found["parallel"] == found["serial"]
    assert len(set(found["serial"])) == 2
    assert found["done"] == 4, "two candidates, two folds each"
