from django.conf import settings
from django.db import models


class TodoList(models.Model):
    title = models.CharField(max_length=100)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True)

    def __str__(self):
        return self.title


class Todo(models.Model):
    todolist = models.ForeignKey(TodoList, models.CASCADE, related_name="todos")
    text = models.CharField(max_length=200)
    due = models.DateField(null=True, blank=True)
    done = models.BooleanField(default=False)

    class Meta:
        ordering = ["done", "pk"]

    def __str__(self):
        return self.text

    def save(self, *args, **kwargs):
        self.text = self.text.strip()
        super().save(*args, **kwargs)
