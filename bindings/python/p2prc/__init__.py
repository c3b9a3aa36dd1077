"""P2PRC from Python: one private pool of compute out of the machines people own.

    import p2prc

    with p2prc.Client() as node:          # a running node, over its socket
        for peer in node.peers():
            print(peer.name, peer.free.cpu)

    with p2prc.Node("/srv/farm") as node: # a node in this process
        ...

Every route of the API is a method, every object a dataclass of p2prc.types, every
kind of error an exception of p2prc.errors.
"""

from . import errors, types
from .client import AsyncClient, Client, Node, home
from .errors import P2PRCError

__all__ = ["AsyncClient", "Client", "Node", "P2PRCError", "errors", "home", "types"]
__version__ = "1.0"
