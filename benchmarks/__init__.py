"""What this toolkit costs and how well it does, beside the strongest that there is.

`python -m benchmarks hmax | cnn | memory | scaling` measure speed and memory and print one kind of
table; the other modules are run as `python -m benchmarks.svm_accuracy` and print their own.
"""
