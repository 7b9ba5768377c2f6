"""Write the answers that `hmax-cnn doctor` compares with, by what this machine computes.

Run after a change that is meant to change numbers: python -m benchmarks.answers
"""

from pathlib import Path

from hmax_cnn.analysis.commands import answers

if __name__ == "__main__":
    path = Path(answers.__file__).with_name("answers.json")
    answers.write(path)
    print(f"{len(answers.ANSWERS)} answers in {path}")
