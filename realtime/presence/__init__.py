"""Own who is here, over all server processes.

`store` is Redis, with scripts in Lua. `tracker` tells it what happens in this process, and
`reconciler` shows in this process's rooms what Redis knows of the others. Begin with `store`.
"""
