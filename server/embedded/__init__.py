"""A PostgreSQL of our own: found, started, prepared and stopped without an administrator.

Works as root and as an ordinary user, makes no system user and opens no directory. `DATABASE_URL`
replaces it by a server that somebody else runs; the same roles are made there by `tonglu
bootstrap`.
"""

from server.embedded.binaries import Binaries, NoPostgres
from server.embedded.cluster import Cluster, ClusterFailed, Tuning
from server.embedded.roles import Passwords
from server.embedded.watch import watched

__all__ = ["Binaries", "Cluster", "ClusterFailed", "NoPostgres", "Passwords", "Tuning", "watched"]
