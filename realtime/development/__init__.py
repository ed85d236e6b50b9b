"""Run a Valkey of the site's own, for development: the extra `dev`. Production imports none of it.

`valkey` starts one for a directory and returns its URL; `supervisor` keeps it as a child process.
Begin with `valkey`.
"""
