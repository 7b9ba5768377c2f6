"""What is asked of the models: measures, figures, studies, and the command line."""

__all__ = [
    "commands",
    "contract",
    "controls",
    "figures",
    "interrupted",
    "literature",
    "measures",
    "models",
    "naming",
    "per_unit",
    "readout",
    "responses",
    "results",
    "statistics",
    "study",
]
