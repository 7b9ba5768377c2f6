"""Key results: the highest layer of each model, as a table and in sentences."""

import numpy as np
import pandas as pd

from hmax_cnn.analysis.figures.tables import read_table
from hmax_cnn.analysis.study.key_results import in_sentences, key_results, listed


def rows(**columns):
    found = pd.DataFrame(columns)
    return found.assign(measure="accuracy", images="digits")


ONE = rows(
    model=["a", "a", "b", "c"],
    layer=["s1", "c2", "b", "fc"],
    value=[0.5, 0.8, 0.75, 0.4],
    low=[0.4, 0.7, 0.7, 0.3],
    high=[0.6, 0.9, 0.8, 0.5],
)


def test_the_highest_layer_of_each_model():
    table = key_results({"accuracy": ONE}, 0.95)
    assert table[["model", "layer", "value"]].to_numpy().tolist() == [
        ["a", "C2", 0.8],
        ["b", "b", 0.75],
        ["c", "fc", 0.4],
    ]


def test_a_sentence_says_what_cannot_be_told_apart():
    """Which is highest, with its interval, and whose intervals reach it."""
    ((sentence, parts),) = in_sentences(key_results({"accuracy": ONE}, 0.95), 0.95).values()
    assert sentence == (
        "Accuracy was highest for a (C2) at 0.8 (95 % interval 0.7 to 0.9), not distinguishable "
        "from b."
    )
    assert parts == []
    alone = ONE.assign(high=ONE["value"], low=ONE["value"])
    ((sentence, _),) = in_sentences(key_results({"accuracy": alone}, 0.9), 0.9).values()
    assert sentence.endswith("(90 % interval 0.8 to 0.8), above the intervals of all others.")
    wide = ONE.assign(low=0.0, high=1.0)
    ((sentence, _),) = in_sentences(key_results({"accuracy": wide}, 0.95), 0.95).values()
    assert sentence.endswith("not distinguishable from any other.")
    unknown = ONE.assign(low=np.nan, high=np.nan)
    ((sentence, _),) = in_sentences(key_results({"accuracy": unknown}, 0.95), 0.95).values()
    assert sentence == "Accuracy was highest for a (C2) at 0.8."


def test_transformations_have_a_part_each():
    """Means over values that change the image; without them the value at rest would win."""
    part = rows(model=["a", "a", "b", "b"], layer="c1", amount=[0, 2, 0, 2], value=[1, 0.2, 1, 0.4])
    part = part.assign(changed=part["amount"] != 0, low=part["value"], high=part["value"])
    both = pd.concat([part.assign(transformation=name) for name in ("Position", "Size")])
    table = key_results({"similarity": both}, 0.95)
    assert table["value"].tolist() == [0.2, 0.4] * 2
    ((sentence, parts),) = in_sentences(table, 0.95).values()
    assert sentence == "Accuracy was highest for"
    assert [text.partition(" (")[0] for text in parts] == ["Position: b", "Size: b"]


def test_what_has_no_value_by_layer_is_left_out():
    """Pairs of layers, tables without intervals, rows that a mean would mix."""
    pairs = ONE.rename(columns={"layer": "layer_a"})
    bare = ONE.drop(columns="low")
    mixed = pd.concat([ONE, ONE])
    found = key_results({"pairs": pairs, "bare": bare, "mixed": mixed}, 0.95)
    assert found.empty
    assert in_sentences(found, 0.95) == {}


def test_read_from_its_file_it_says_the_same(tmp_path):
    """Sizes are the largest, all else the highest; undefined intervals overlap with nothing."""
    sizes = ONE.assign(measure="field", unit_of_value="pixels")
    table = key_results({"accuracy": ONE, "fields": sizes}, 0.95)
    table.to_csv(tmp_path / "key_results.csv", index=False)
    again = in_sentences(read_table(tmp_path / "key_results.csv"), 0.95)
    assert again == in_sentences(table, 0.95)
    assert "Accuracy was highest for a" in again["accuracy"][0]
    assert "Field was largest for a" in again["field"][0]
    half = ONE.assign(low=[0.4, 0.7, np.nan, 0.3], high=[0.6, 0.9, np.nan, 0.5])
    ((sentence, _),) = in_sentences(key_results({"accuracy": half}, 0.95), 0.95).values()
    assert sentence == "Accuracy was highest for a (C2) at 0.8 (95 % interval 0.7 to 0.9)."


def test_names_in_a_sentence():
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["LeNet, untrained", "b"]) == "LeNet, untrained and b"
    assert listed(["LeNet, untrained", "b", "c"]) == "LeNet, untrained; b; and c"
