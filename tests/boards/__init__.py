"""A third host: boards of cards, served by `ModelRoom`; its models know nothing of rooms."""
