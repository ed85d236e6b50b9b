from realtime import rooms
from tests.boards.models import Article, Board, Card, Note

NOTES = rooms.Children(Note, "card", ["text"])
CARDS = rooms.Children(
    Card,
    "board",
    fields=[
        "text",
        "position",
        "done",
        "price",
        "weight",
        "number",
        "due",
        "starts_at",
        "at",
        "takes",
        "token",
        "data",
        "mail",
        "address",
        "color",
        "follows",
        "labels",
    ],
    read_only=["picture", "loud", "score"],
    children={"notes": NOTES},
)


@rooms.register
class BoardRoom(rooms.ModelRoom):
    kind = "plan"
    model = Board
    fields = ["title", "text", "style", "labels"]
    text = ["text"]
    children = {"cards": CARDS}
    members = "memberships__user"
    role = "memberships__role"


@rooms.register
class ArticleRoom(rooms.ModelRoom):
    model = Article
    fields = ["title", "body"]
    members = "owner"
