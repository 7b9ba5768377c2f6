"""What is asked of the models: measures, figures, studies, and the command line."""
