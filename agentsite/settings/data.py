"""PostgreSQL, the truth, and Redis in its roles."""

from agentsite import env
from workers.redis import libraries

# --- PostgreSQL: the truth ---------------------------------------------------------------------

DATABASE_URL = "postgresql://agentsite@127.0.0.1:5432/agentsite"
# Behind PgBouncer DATABASE_URL is the pooler; presence needs a direct connection of its own.
DATABASE_DIRECT_URL = env.text("DATABASE_DIRECT_URL") or env.text("DATABASE_URL", DATABASE_URL)
DATABASE_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 8)  # connections a process; 0: no pool
DATABASE_LIMITS = "-c lock_timeout=2000 -c idle_in_transaction_session_timeout=2000"  # ms

DATABASES = {"default": env.database("DATABASE_URL", DATABASE_URL)}
DATABASES["default"]["OPTIONS"] = {
    "options": DATABASE_LIMITS,
    # A server that is unplugged says no farewell; the system's own patience is a quarter of an
    # hour, of every thread that asks.
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # ms
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,
    "keepalives_count": 3,
    **DATABASES["default"]["OPTIONS"],
}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True  # a transaction pooler loses them
if DATABASE_POOL_SIZE:
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 0,
        "max_size": DATABASE_POOL_SIZE,
        "timeout": 10,  # seconds
        "reconnect_timeout": 2,  # then it begins anew: its back-off would outlast the outage
    }

# --- Redis: four roles, one server by default ----------------------------------------------------

# Each a server, or the Sentinels that know which it is; what only scripts and single keys are asked
# of may be a Cluster. See workers.redis.addresses.
REDIS_URL = env.address("REDIS_URL", "redis://127.0.0.1:6379/0")
REDIS_QUEUE_URL = env.address("REDIS_QUEUE_URL", REDIS_URL)  # RQ; must not evict
REDIS_CACHE_URL = env.address("REDIS_CACHE_URL", REDIS_URL, cluster=True)  # hot copies, limits
# Turn logs and the channel layer; several, with blanks between, share the conversations.
REDIS_LIVE_ADDRESSES = env.addresses("REDIS_LIVE_URL", REDIS_URL)
REDIS_LIVE_URL = " ".join(REDIS_LIVE_ADDRESSES)
REDIS_LIVE_SERVERS = len(REDIS_LIVE_ADDRESSES)
# Of the store `redis`; must not evict. Its lifetime is in seconds after the last use.
REDIS_STORE_URL = env.address("REDIS_STORE_URL", REDIS_URL, cluster=True)
REDIS_STORE_LIFETIME = env.integer("REDIS_STORE_LIFETIME", 86_400, least=1)

CACHE_OPTIONS = {
    "IGNORE_EXCEPTIONS": True,
    "SOCKET_CONNECT_TIMEOUT": 1,  # seconds
    "SOCKET_TIMEOUT": 1,
}
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "KEY_PREFIX": "agentsite",
        **libraries.for_cache(REDIS_CACHE_URL, CACHE_OPTIONS),
    }
}
# Rows alone: a copy in a Redis that hangs while somebody logs out would outlive its row, and log
# them in again.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CHANNEL_PREFIX = "agentsite"  # of every channel of the layer
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "conversations.sockets.layers.BoundedPubSubLayer",
        "CONFIG": {"hosts": REDIS_LIVE_ADDRESSES, "prefix": CHANNEL_PREFIX},
    }
}

# --- Other places for transcripts, each an extra ------------------------------------------------

MONGODB_URL = env.text("MONGODB_URL")  # mongodb://host/database?w=majority
MONGODB_COLLECTION = env.text("MONGODB_COLLECTION", "contents")
DYNAMODB_TABLE = env.text("DYNAMODB_TABLE")  # region and keys as boto3 finds them
DYNAMODB_ENDPOINT = env.text("DYNAMODB_ENDPOINT")  # of another service that speaks like it
