"""Run the demo on a machine that has nothing, by one command: `serve`, which `script/server` runs.

Settings with a `REDIS_URL`, and so all of production, never import this package.
"""
