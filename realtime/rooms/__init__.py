"""Own what a host writes: the contract between its models and the rooms.

A host implements `Backend` and names it in ``REALTIME["BACKEND"]``; everything below the rooms asks
it, through `backend.get()`, who may see a project, what state it has, and to save updates. Begin
with `backend`.
"""
