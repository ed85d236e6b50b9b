"""A third host, whose user model has as little as simplejwt needs. It is a project of its own:
`tests/integration/auth/test_people.py` runs the tests that are here."""
