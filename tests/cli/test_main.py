"""The command line as a whole: help, version, errors of one line, exit codes."""

import argparse
import os
import re
import sys
from contextlib import redirect_stdout, suppress

import numpy as np
import pytest
from cli_processes import start

import crmsprop
from crmsprop.cli import fitting, main, train
from crmsprop.cli.program import COMMANDS, make_parser


def subparsers():
    (action,) = [action for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return action.choices


def test_every_command_has_a_parser():
    assert list(subparsers()) == [command.__name__.rpartition(".")[2].replace("_", "-") for command in COMMANDS]


@pytest.mark.parametrize("command", subparsers())
def test_help_reads_like_a_manual(run, command):
    ended = run(command, "--help")
    assert (ended.code, ended.err) == (0, "")
    text = " ".join(ended.out.split())
    for action in subparsers()[command]._actions:
        assert all(flag in ended.out for flag in action.option_strings)
        if action.dest != "help":
            assert "(default: " in action.help or action.required
            assert " ".join((action.help % {}).split())[:20] in text
    assert f"\nexamples:\n  crmsprop {command}" in ended.out
    assert max(len(line) for line in ended.out.splitlines()) <= 110


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize("command", subparsers())
def test_help_in_any_terminal(run, monkeypatch, command, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert run(command, "--help").code == 0


def test_defaults_in_the_help_are_the_estimators(run):
    text = " ".join(run("train", "--help").out.split())
    defaults = "cnn and mlp and reference: 32; tuned and vgg16 and resnet20: 128; fast: 256"
    assert f"--batch-size N samples a step (default: {defaults})" in text
    assert "(default: cnn and mlp and tuned and fast and vgg16 and resnet20: no; reference: yes)" in text
    assert "--filters N [N ...] filters of each convolution (default: 32 64)" in text


def test_help_of_the_program(run):
    ended = run("--help")
    assert ended.code == 0
    assert "exit status:" in ended.out
    assert all(name in ended.out for name in subparsers())


def test_version(run):
    assert run("--version") == (0, f"crmsprop {crmsprop.__version__}\n", "")


def test_as_a_module():
    with start("-m", "crmsprop", "--version") as process:
        assert process.communicate() == (f"crmsprop {crmsprop.__version__}\n", "")
    with start("-m", "crmsprop", "train", "--rho") as process:
        out, err = process.communicate()
    message = 'argument --rho: expected one argument (see "crmsprop train --help")'
    assert (process.returncode, out, err) == (2, "", f"crmsprop: error: {message}\n")


def test_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["crmsprop", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("crmsprop ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], 'the following arguments are required: COMMAND (see "crmsprop --help")'),
        (["tarin"], "argument COMMAND: invalid choice: 'tarin'"),
        (["tarin"], ': did you mean train? (see "crmsprop --help")'),
        (["train", "--epoch", "3"], 'unknown --epoch 3: did you mean --epochs? (see "crmsprop train --help")'),
        (["train", "digits"], 'unknown digits: did you mean --data digits? (see "crmsprop train --help")'),
        (["train", "help"], 'unknown help (see "crmsprop train --help")'),
        (["train", "--lr=1"], 'unknown --lr=1: did you mean --learning-rate? (see "crmsprop train --help")'),
        (
            ["train", "--max-epochs", "3"],
            'unknown --max-epochs 3: did you mean --epochs? (see "crmsprop train --help")',
        ),
        (["train", "-data", "digits"], 'unknown -data digits: did you mean --data? (see "crmsprop train --help")'),
        (["train", "--top", "1"], 'unknown --top 1: it is an option of predict (see "crmsprop train --help")'),
        (["train", "--epochs", "many"], "argument --epochs: invalid int value: 'many' (see \"crmsprop train --help\")"),
        (["train", "--model", "vgg"], "argument --model: invalid choice: 'vgg'"),
        (["train", "--model", "vgg"], ': did you mean vgg16? (see "crmsprop train --help")'),
        (["train", "--schedule", "cosin"], "got 'cosin': did you mean cosine? (see"),
        (
            ["train", "--schedule", "step:factor=0.5,every=2*warm-up:epochs=3"],
            "got 'warm-up:epochs=3': did you mean warmup?",
        ),
        (["train", "--augment", "flip + rot:15"], "got 'rot:15': did you mean rotation? (see"),
        (["train", "--data", "digit"], "--data must be digits, cifar10, a folder with a folder of pictures"),
        (["train", "--data", "digit"], "got 'digit', which does not exist: did you mean digits?"),
        (["train", "--data", "CIFAR-10"], "got 'CIFAR-10', which does not exist: did you mean cifar10?"),
        (["train", "--data", "iris"], "the path of an .npz file, got 'iris', which does not exist"),
        (["train", "--data", "cifar10", "--data-home", "none", "--no-download"], "no CIFAR-10 in --data-home 'none'"),
        (["train", "--model", "mlp", "--filters", "3"], "--filters does not apply to --model mlp"),
        (["train", "--hidden-layer-sizes", "3"], "--hidden-layer-sizes does not apply to --model cnn"),
        (["train", "--patience", "3"], "--patience does nothing without --early-stopping"),
        (["train", "--monitor", "loss"], "--monitor does nothing without --early-stopping"),
        (["train", "--min-delta", "0.1"], "--min-delta does nothing without --early-stopping"),
        (["train", "--early-stopping", "--monitor", "lr"], "--monitor must be one of 'loss', 'val_loss', "),
        (["train", "--no-restore-best"], "--restore-best does nothing without --early-stopping"),
        (["train", "--early-stopping", "--validation-fraction", "none"], "--validation-fraction none leaves early"),
        (["train", "--data-home", "x"], "--data-home does nothing without --data cifar10"),
        (["train", "--no-download"], "--no-download does nothing without --data cifar10"),
        (["train", "--ema", "1"], "--ema must be in [0, 1), got 1"),
        (["train", "--rho", "1.2"], "--rho must be in [0, 1), got 1.2"),
        (["train", "--learning-rate", "nan"], "--learning-rate must be in [0, inf), got nan"),
        (["train", "--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["train", "--threads", "0"], "--threads must be an integer of at least 1, got 0"),
        (["train", "--dtype", "float16"], "--dtype must be one of 'float32', 'float64', got 'float16'"),
        (["train", "--seed", "-1"], "--seed must be an integer in [0, 2**32), got -1"),
        (["train", "--validation-fraction", "1.5"], "--validation-fraction must be in (0, 1), got 1.5"),
        (["train", "--filters", "0"], "--filters[0] must be at least 1, got 0"),
        (["train", "--kernel-size", "0"], "--kernel-size must be at least 1, got 0"),
        (["train", "--activation", "cubic"], "--activation must be one of 'relu', 'identity', 'tanh', 'logistic', got"),
        (["train", "--model", "mlp", "--pool-size", "2"], "--pool-size does not apply to --model mlp"),
    ],
)
def test_bad_usage(run, folder, arguments, message):
    ended = run(*arguments)
    assert ended.code == 2
    assert message in ended.error()
    assert list(folder.iterdir()) == []


def test_divergence(train_small, folder):
    ended = train_small("--learning-rate", "1e38", "--schedule", "constant")
    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.splitlines()[-1].startswith("crmsprop: error: the loss became ")
    assert "Traceback" not in ended.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("hook", ["on_train_begin", "on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (MemoryError("no room"), 1, "no room"),
        (MemoryError(), 1, "MemoryError"),
        (OSError(28, "No space left on device", "x"), 2, "x: No space left on device"),
        (ValueError("two\n  lines"), 2, "two lines"),
    ],
)
def test_what_happens_in_a_training(train_small, folder, monkeypatch, hook, raised, code, line):
    def fail(self, context):
        raise raised

    monkeypatch.setattr(fitting.ProgressBar, hook, fail)
    ended = train_small()
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.splitlines()[-1] == f"crmsprop: error: {line}"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_batch_end"])
def test_interrupted_before_there_is_anything_to_keep(train_small, folder, monkeypatch, hook):
    def interrupt(self, context):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting.ProgressBar, hook, interrupt)
    ended = train_small()
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == "crmsprop: error: interrupted, nothing was kept"
    assert list(folder.iterdir()) == []


def test_what_is_a_bug_stays_one(train_small, monkeypatch):
    monkeypatch.setattr(train, "make_job", lambda options, data: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_small()


def test_missing_extra(train_small, folder, monkeypatch):
    """The command that installs it is that of this Python, whatever its path."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(sys, "executable", "/my env/python")
    ended = train_small()
    assert ended.code == 2
    assert ended.error() == """a plot needs matplotlib: '/my env/python' -m pip install "crmsprop[cli]\""""
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", ["train", "tune"])
def test_without_tqdm_there_is_no_bar(run, monkeypatch, command):
    """But all else, to the letter, the times apart."""
    small = ("--model", "mlp", "--hidden-layer-sizes", 3, "--epochs", 2, "--threads", 1)
    more = ("--param", "rho=0.8,0.9", "--cv", 2) if command == "tune" else ()
    before = run(command, *small, *more, "--output", "out").err
    monkeypatch.setitem(sys.modules, "tqdm", None)
    ended = run(command, *small, *more, "--output", "new")
    assert ended.code == 0
    assert [without_times(line) for line in ended.err.splitlines()] == list(map(without_times, before.splitlines()))
    assert run(command, *small, *more, "--quiet").code == 0


def without_times(line):
    return re.sub(r"\d+\.\d+ s|\d+:\d+ left", "TIME", line)


def test_a_reader_that_goes_away(folder):
    with start("-m", "crmsprop", "train", "--quiet", "--epochs", "1", "--threads", "1") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
    assert (folder / "crmsprop-run" / "model.crms").exists()


def test_standard_output_stays_the_callers(model_file):
    """Full, or read by nobody any more; and no file is left open."""
    arguments = ["summary", model_file]
    assert main(arguments) == 0  # what is imported and opened once
    before = sorted(os.listdir("/dev/fd"))
    reader, writer = os.pipe()
    os.close(reader)
    assert main_into("/dev/full", arguments) == 2
    assert main_into(writer, arguments) == 141
    assert sorted(os.listdir("/dev/fd")) == before


def main_into(target, arguments):
    """Run with this as standard output; it must lead where it did."""
    with suppress(OSError), open(target, "w") as file, redirect_stdout(file):  # it still cannot be written to
        before = os.fstat(file.fileno())
        code = main(arguments)
        after = os.fstat(file.fileno())
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
    return code


def test_main_changes_no_global_state(train_small):
    import matplotlib

    before = (dict(matplotlib.rcParams), np.geterr(), sys.argv[:])
    train_small()
    assert (dict(matplotlib.rcParams), np.geterr(), sys.argv[:]) == before
