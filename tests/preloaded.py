"""The libraries of every process of the site that look at no setting while they are imported."""

# ruff: noqa: F401
import gc

import anyio._backends._asyncio
import channels.generic.websocket
import croniter
import cryptography.fernet
import django.core.cache
import django.core.handlers.asgi
import django.core.management
import django.core.serializers.json
import django.db.backends.postgresql.base
import django.db.models
import django.forms
import django.http
import django.template
import django.test
import django.urls
import msgpack
import openai.lib.streaming.chat
import openai.resources.chat
import psycopg_pool
import pydantic_ai.mcp
import pydantic_ai.models.openai
import pydantic_ai.models.test
import pydantic_ai.providers.openai_compatible
import redis.asyncio
import rq
import structlog
import uvicorn
import uvicorn.lifespan.on
import uvicorn.protocols.http.httptools_impl
import uvicorn.protocols.websockets.websockets_sansio_impl
import uvloop

# A collection in a fork would look through all of them, and copy every page on which one lies.
gc.freeze()
