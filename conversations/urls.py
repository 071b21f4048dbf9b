"""The addresses of conversations: pages, and the socket."""

from typing import Any

from django.urls import path

from conversations import carried, views
from conversations.consumers import ChatConsumer

urlpatterns = [
    path("", views.chat, name="chat"),
    path("c/<uuid:conversation_id>/", views.chat, name="conversation"),
    path("carried/", carried.page, name="carried"),
    path("carried/say/", carried.say, name="carried-say"),
    path("conversations/", views.conversation_list, name="conversations"),
    path("conversations/begin/", views.begin, name="begin"),
    path("conversations/<uuid:conversation_id>/earlier/", views.earlier, name="earlier"),
    path("conversations/<uuid:conversation_id>/fork/", views.fork, name="fork"),
    path("conversations/<uuid:conversation_id>/rename/", views.rename, name="rename"),
    path("conversations/<uuid:conversation_id>/policy/", views.policy, name="policy"),
    path("conversations/<uuid:conversation_id>/delete/", views.delete, name="delete"),
]
socket: Any = ChatConsumer.as_asgi()  # Django's types know only views
websocket_urlpatterns = [path("ws/conversations/<uuid:conversation_id>/", socket)]
