"""What runs the project on a machine that has nothing: a Valkey of its own, and one command.

`valkey` starts the server for whoever needs it, `supervisor` keeps it, and `serve` is the work of
`script/server`. Settings with a `REDIS_URL`, and so all of production, never import this package;
`config.redis` is its only way in.
"""
