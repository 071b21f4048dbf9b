"""The one settings file. Everything that differs between machines comes from the environment."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from agentsite import env

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Security ---------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG")
SECRET_KEY = env.text("SECRET_KEY", "insecure-development-key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost")
# The page's own addresses, scheme and port included: forms and sockets from elsewhere are refused.
ALLOWED_ORIGINS = env.words("ALLOWED_ORIGINS", "http://127.0.0.1:8000,http://localhost:8000")
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
# As the page shows it; empty: host and process.
REPLICA_NAME = env.text("REPLICA_NAME")
SIGNUP_OPEN = env.boolean("SIGNUP_OPEN", default=True)

HTTPS = env.boolean("HTTPS")  # the site is reached over https only
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0  # a year
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Application ------------------------------------------------------------------------------

INSTALLED_APPS = [
    "workers",
    "conversations",
    "agentsite",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_rq",
    "csp",
]
MIDDLEWARE = [
    "agentsite.health.ProbeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "agentsite.policies.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "agentsite.urls"
ASGI_APPLICATION = "agentsite.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
SERVESTATIC_USE_FINDERS = True  # no collectstatic needed; STATIC_ROOT wins where it has the file

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGGING_CONFIG = "agentsite.logs.configure"
LOGGING = {"level": env.text("LOG_LEVEL", "INFO")}

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "chat"
LOGOUT_REDIRECT_URL = "login"

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

# --- Redis: three roles, one server by default ---------------------------------------------------

REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
REDIS_QUEUE_URL = env.text("REDIS_QUEUE_URL", REDIS_URL)  # RQ; must not evict
REDIS_CACHE_URL = env.text("REDIS_CACHE_URL", REDIS_URL)  # hot copies, sessions
REDIS_LIVE_URL = env.text("REDIS_LIVE_URL", REDIS_URL)  # turn logs and the channel layer

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_CACHE_URL,
        "KEY_PREFIX": "agentsite",
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 1,  # seconds
            "SOCKET_TIMEOUT": 1,
        },
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
CHANNEL_PREFIX = "agentsite"  # of every channel of the layer
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "conversations.layers.BoundedPubSubLayer",
        "CONFIG": {"hosts": [REDIS_LIVE_URL], "prefix": CHANNEL_PREFIX},
    }
}

# --- Limits --------------------------------------------------------------------------------------

OPEN_TURNS = env.integer("OPEN_TURNS", 100)  # messages of one conversation that may wait

# --- The fleet ---------------------------------------------------------------------------------

# slots: turns in flight in one worker process of the pool.
POOLS = {
    "default": {"slots": env.integer("WORKER_SLOTS", 1000)},
    "quarantine": {
        "slots": 1
    },  # stock forking workers: a turn that kills its process kills no other
}
RQ = {"COMMIT_MODE": "auto", "JOB_CLASS": "workers.queues.TurnJob"}
RQ_QUEUES = {
    pool: {
        "URL": REDIS_QUEUE_URL,
        "DEFAULT_TIMEOUT": 900,  # seconds
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for pool in POOLS
}
WORKER_TASKS = ["conversations.tasks.answer"]  # the only functions that a worker runs
WORKER_SWEEP = "conversations.recovery.sweep"
WORKER_LEASE = 8  # seconds without a renewal until a worker counts as dead
WORKER_GRACE = 25  # seconds that a worker told to stop gives its turns
# Off behind a transaction pooler that DATABASE_DIRECT_URL cannot avoid: only leases count then.
WORKER_PRESENCE_LOCKS = env.boolean("WORKER_PRESENCE_LOCKS", default=True)

# Days after the last message until `manage.py pruneconversations` deletes it; 0: kept for ever.
RETENTION_DAYS = env.integer("RETENTION_DAYS", 0)

# --- Agents ------------------------------------------------------------------------------------

AGENT_MODEL = env.text("AGENT_MODEL")
AGENT_BASE_URL = env.text("AGENT_BASE_URL")
AGENT_API_KEY = env.text("AGENT_API_KEY")
AGENT_TIMEOUT = env.integer("AGENT_TIMEOUT", 120)  # seconds of a provider's silence
AGENT_INSTRUCTIONS = env.text("AGENT_INSTRUCTIONS")
DEMO_PACE = env.integer("DEMO_PACE", 25)  # words a second; 0: all at once

# agent: a pydantic_ai.Agent by dotted path; deps: a factory by dotted path, called with the
# conversation's id, owner and metadata; store: a name in STORES; pool: a name in POOLS; the rest
# in workers.agents.registry.Options. A project adds its own in a settings module that begins
# `from agentsite.settings import *`, or as JSON in the environment's AGENTS.
AGENTS: dict[str, dict[str, Any]] = {
    "demo": {"agent": "workers.agents.demo.agent", "deps": "conversations.records.of"},
}
if AGENT_MODEL:
    AGENTS["assistant"] = {"agent": "workers.agents.assistant.agent"}
AGENTS |= env.mapping("AGENTS")
AGENT_DEFAULT = env.text("AGENT_DEFAULT", "assistant" if AGENT_MODEL else "demo")
STORES = {
    "database": "conversations.stores.database.DatabaseStore",
    "hybrid": "conversations.stores.hybrid.HybridStore",
}
STORE_DEFAULT = "hybrid"

# --- What every replica and worker must have in common -------------------------------------------

FINGERPRINTED = {
    "keys": ["SECRET_KEY", "SECRET_KEY_FALLBACKS"],
    "agents": ["AGENTS", "AGENT_DEFAULT", "AGENT_MODEL", "AGENT_BASE_URL", "AGENT_INSTRUCTIONS"],
    "stores": ["STORES", "STORE_DEFAULT"],
    "tasks": ["WORKER_TASKS"],
}
