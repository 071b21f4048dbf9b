"""Keys, addresses and what browsers are told to refuse."""

from csp.constants import NONE, SELF

from agentsite import env

DEBUG = env.boolean("DEBUG")
SECRET_KEY = env.text("SECRET_KEY", "insecure-development-key")
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost")
# The page's own addresses, scheme and port included: forms and sockets from elsewhere are refused.
ALLOWED_ORIGINS = env.words("ALLOWED_ORIGINS", "http://127.0.0.1:8000,http://localhost:8000")
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
# Sites whose pages may call /v1/ from the browser; none, unless they are named.
CORS_ORIGINS = env.words("CORS_ORIGINS")
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
