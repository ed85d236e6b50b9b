"""Name the people of the demo data, whom the sign-in page offers with DEBUG."""

OPERATOR = "alice"
PEOPLE = (OPERATOR, "bob", "carol", "dave")
PASSWORD = "realtime"  # noqa: S105  (public, and only made with DEBUG)
