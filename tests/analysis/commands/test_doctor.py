"""hmax-cnn doctor: what this machine computes beside shipped answers."""

import json

import pytest
from command_line import invoke

from hmax_cnn.analysis.commands import answers


def test_this_machine_agrees():
    done = invoke("doctor")
    assert done.exit_code == 0, done.output
    assert f"All {len(answers.ANSWERS)} answers agree." in done.stderr
    assert "HMAX georgetown C2" in done.stdout
    rows = json.loads(invoke("doctor", "--format", "json").stdout)
    assert {row["verdict"] for row in rows} == {"agrees"}


@pytest.mark.parametrize("threads", ["1", "3"])
def test_answers_do_not_depend_on_threads(threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    bits = [one.to_the_last_bit for one in answers.compared()]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert [one.to_the_last_bit for one in answers.compared()] == bits


def test_what_differs_is_named(monkeypatch):
    """The first answer that differs, and which of its libraries is of another version."""
    shipped = answers.known()
    shipped["answers"]["resized"]["values"][3] += 30
    shipped["machine"]["pillow"] = "1.0"
    for layer in ("C1", "C2"):
        values = shipped["answers"][f"HMAX georgetown {layer}"]["values"]
        shipped["answers"][f"HMAX georgetown {layer}"]["values"] = [1.01 * one for one in values]
    monkeypatch.setattr(answers, "known", lambda: shipped)
    done = invoke("doctor")
    assert done.exit_code == 1
    assert "3 of 14 answers differ, first 'resized', which depends on pillow" in done.stderr
    assert "its version is another: pillow" in done.stderr
    assert "(shipped answers: 1.0)" in done.stderr


def test_what_cannot_be_computed_is_told(monkeypatch):
    def broken(_):
        msg = "no such thing"
        raise RuntimeError(msg)

    first = answers.ANSWERS[0]
    one = answers.Answer(first.name, first.libraries, first.tolerance, broken)
    monkeypatch.setattr(answers, "ANSWERS", (one, *answers.ANSWERS[1:3]))
    done = invoke("doctor")
    assert done.exit_code == 1
    assert "RuntimeError: no such thing" in done.stdout
    assert "1 of 3 answers differ, first 'random numbers'" in done.stderr


def test_a_gpu_that_is_not_there_is_told():
    done = invoke("doctor", "--device", "cuda")
    if done.exit_code:
        assert "GPU" in done.stderr or "CuPy" in done.stderr
