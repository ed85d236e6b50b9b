"""Run the demo on a bare machine by one command: `serve`, which `script/server` runs.

Settings with a `REDIS_URL`, and so all of production, never import this package.
"""
