"""The libraries of every process of the site that look at no setting while they are imported."""

# ruff: noqa: F401
import channels.generic.websocket
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
import psycopg_pool
import pydantic_ai.mcp
import pydantic_ai.models.openai
import redis.asyncio
import rq
import structlog
import uvicorn
