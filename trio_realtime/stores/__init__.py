"""Places that keep sessions, for ``runner.run(store=..., session_id=...)``.

:class:`SQLiteSessionStore` is a file, for the processes of one machine, and needs nothing more;
:class:`RedisSessionStore` is for several machines and needs the extra ``redis``. Anything with the methods of
:class:`SessionStore` will do.
"""

from __future__ import annotations

from trio_realtime.stores.base import SessionStore
from trio_realtime.stores.redis import RedisSessionStore
from trio_realtime.stores.sqlite import SQLiteSessionStore

__all__ = ["RedisSessionStore", "SQLiteSessionStore", "SessionStore"]
