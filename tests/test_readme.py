"""What the README shows works as it stands there."""

import re
from pathlib import Path

import crmsprop

TREE = Path(__file__).resolve().parent.parent
README = (TREE / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_the_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (program,) = blocks("python")
    assert len(program.splitlines()) <= 10
    exec(compile(program, "README.md", "exec"), {})
    assert re.fullmatch(r"\{'loss': 0\.\d+, 'accuracy': 0\.9\d+\}\n", capsys.readouterr().out)
    assert type(crmsprop.load("digits.crms")) is crmsprop.CNNClassifier


def test_each_shell_block_is_one_line_with_an_environment_of_its_own():
    lines = blocks("sh")
    environments = [re.match(r"python3 -m venv (\S+) && \1/bin/pip install .* && \1/bin/\S+", line) for line in lines]
    assert [line.count("\n") for line in lines] == [1, 1]
    assert len({match.group(1) for match in environments}) == 2


def test_ci_runs_both_lines_of_the_readme():
    patterns = re.findall(r"line=\$\(grep '(.*)' README\.md\)", (TREE / ".ci" / "run").read_text())
    found = [[line for line in README.splitlines() if re.search(pattern, line)] for pattern in patterns]
    assert [len(lines) for lines in found] == [1, 1]
    assert found[0][0].endswith("/bin/crmsprop train")
    assert found[1][0].endswith("/bin/pytest -n auto")


def test_files_that_it_links_to_are_there():
    for name in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (TREE / name).is_file()
