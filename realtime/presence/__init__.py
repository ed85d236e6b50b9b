"""Own who is present in each room, over all server processes.

`process.ProcessPresence` is the face: a hub opens and closes rooms there and asks nobody else.
`members` keeps the users of one room. `tracker` tells Redis of this process's sockets, and
`reconciler` shows the users of the other processes; they meet in `members` alone. `store` is Redis,
with its scripts in `*.lua`. `lease` owns the state of a process's presence. Begin with `process`,
then `store`.

A process's presence goes through these states:

==========  ============================================  =====================================
state       meaning                                       left for
==========  ============================================  =====================================
unleased    no lease yet, nothing in Redis                live: the lease is taken before the
                                                          first write, or by the first tick
live        Redis has what it was told                    lost: it has not, or not all of it
lost        all users of this process must be relisted;   recovering: they are queued
            no user is shown to have left
recovering  the others relist, too: a user missing in     live: after as long as a lease;
            Redis may still be present                    lost: Redis has lost something again
closed      the entries are taken away for good           (for good; reached from every state)
==========  ============================================  =====================================

`lease.TRANSITIONS` is the same table in code.
"""
