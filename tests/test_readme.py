"""What the README shows works as it stands there."""

import csv
import re
from pathlib import Path

import pytest

import crmsprop
from crmsprop.cli.program import COMMANDS, make_parser

TREE = Path(__file__).resolve().parent.parent
README = (TREE / "README.md").read_text()
RESULTS = (TREE / "benches" / "RESULTS.md").read_text()


def table(text, head):
    """Return the rows of the table whose head begins so, a dict each; the first column has the key ''."""
    lines = text[text.index(head) :].split("\n\n")[0].splitlines()
    names, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(["", *names[1:]], row, strict=True)) for row in rows]


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


# figures


def test_the_table_of_speeds_is_that_of_the_results():
    measured, training = {}, RESULTS.split("\n## Training")[1:]  # of images, of perceptrons
    for row in (
        row for part in training for row in table(part, "| network | crmsprop | torch channels_last | torch |")
    ):
        ratio = row.pop("the fastest peer is slower by").strip("*")
        speeds = {name: cell.split(" (")[0] for name, cell in row.items() if name and cell != "-"}
        ours = speeds.pop("crmsprop")
        best = max(speeds, key=lambda name: int(speeds[name].replace(",", "")))
        measured[row[""]] = (ours, f"{best}, {speeds[best]}", ratio)
    told = {row[""]: tuple(row.values())[1:] for row in table(README, "| network | crmsprop | the fastest other |")}
    assert told == measured
    assert len(told) == 6


def test_the_steps_of_the_optimizer_are_those_of_the_results():
    rows = table(RESULTS, "| arrays | torch eager, the better |")
    eager, compiled = ([float(row[name]) for row in rows] for name in ("torch eager, the better", "torch.compile"))
    text = " ".join(README.split())
    assert f"takes torch {min(eager):.0f} to {max(eager):.0f} times as long" in text
    assert f"torch.compile {min(compiled):.1f} to {max(compiled):.0f} times" in text


def test_the_accuracy_and_the_picture_are_those_of_the_results():
    with (TREE / "benches" / "results" / "fast_cifar10.csv").open(newline="") as file:
        epochs = {row["epoch"]: row for row in csv.DictReader(file)}
    for row in table(RESULTS, "| fast, seed 0, epoch |"):
        drawn = epochs[row[""]]
        assert f"{float(drawn['loss']):.3f}" == row["loss"]
        assert f"{float(drawn['accuracy']):.1%}" == row["accuracy in training"]
        assert abs(100 * float(drawn["val_accuracy"]) - float(row["held-out accuracy"].rstrip("%"))) <= 0.051
    result = re.search(r"Test accuracy \*\*(.*?%)\*\* after 18 epochs in (\d+)\.\d minutes", RESULTS)
    text = " ".join(README.split())
    assert f"--model fast`: {result[1]} of the test images right after {result[2]} minutes on two cores" in text
    tuned = re.search(r"mean (\d\d\.\d%), in (\d)\.\d minutes each", RESULTS)
    assert f"with `--model tuned`, a small network, {tuned[1]} after {tuned[2]}." in text
    picture = (TREE / "benches" / "learning_curves.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 60_000


# commands


def test_commands_are_understood():
    lines = re.findall(r"^    \.venv/bin/crmsprop (.*)$", README, flags=re.MULTILINE)
    assert len(lines) == 2
    for line in [*lines, *re.findall(r"`crmsprop (train .*?)`", README)]:
        make_parser().parse_args(line.split())


def test_all_commands_are_named():
    names = {command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS}
    told = re.search(r"`crmsprop --help` names the other commands: (.*?)\.", README)[1]
    assert set(re.findall(r"`(.*?)`", told)) == names - {"train", "predict"}


@pytest.mark.parametrize("name", sorted(path.name for path in (TREE / "examples").glob("*.py")))
def test_every_example_is_linked(name):
    assert f"(examples/{name})" in README
