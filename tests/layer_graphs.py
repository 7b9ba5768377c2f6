"""Graphs of a layer or two, and random arrays."""

from hmax_cnn.cnn import Graph
from hmax_cnn.cnn.layers import (
    Add,
    Concatenate,
    Conv,
    Dense,
)


def graph_of(*layers, channels=3, shape=(9, 10)):
    graph = Graph(channels, shape)
    for number, layer in enumerate(layers):
        graph.add(f"n{number}", layer)
    graph.outputs[graph.last] = 1.0
    return graph


def branches():
    graph = Graph(2, (8, 9))
    one, other = graph.add("one", Conv(4, 3, padding=1)), graph.add("other", Conv(4, 1), "image")
    graph.add("sum", Add(), one, other, one)
    graph.add("both", Concatenate(), "sum", other)
    graph.outputs[graph.add("scores", Dense(3))] = 1.0
    return graph
