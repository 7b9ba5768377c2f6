"""The measures of units, and responses that tests give them."""


def of(dataset, unit, name="value"):
    return float(dataset[name].sel(unit=unit))
