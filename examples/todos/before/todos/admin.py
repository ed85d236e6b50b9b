from django.contrib import admin

from todos.models import Todo, TodoList


class TodoInline(admin.TabularInline):
    model = Todo
    extra = 0


@admin.register(TodoList)
class TodoListAdmin(admin.ModelAdmin):
    inlines = [TodoInline]
    filter_horizontal = ["people"]


@admin.register(Todo)
class TodoAdmin(admin.ModelAdmin):
    list_display = ["id", "text", "done"]
    list_editable = ["text", "done"]
    actions = ["reopen"]

    @admin.action
    def reopen(self, request, queryset):
        queryset.update(done=False)
