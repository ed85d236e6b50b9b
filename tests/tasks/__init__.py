"""What Celery may do to a task, on real workers."""
