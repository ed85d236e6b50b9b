"""Run a Valkey of the site's own, for development: the extra `dev`. Production imports none of it.

`valkey` starts one for a directory and says where it listens; `supervisor` holds it as a child.
"""
