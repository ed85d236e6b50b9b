"""A second, tiny host: shared lists instead of projects. It shows how little a host must do."""
