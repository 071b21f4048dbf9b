"""The addresses of conversations: pages, and the socket."""

from django.urls import URLPattern, path

from conversations import views

urlpatterns = [
    path("", views.chat, name="chat"),
    path("c/<uuid:conversation_id>/", views.chat, name="conversation"),
    path("conversations/", views.conversation_list, name="conversations"),
    path("conversations/begin/", views.begin, name="begin"),
    path("conversations/<uuid:conversation_id>/rename/", views.rename, name="rename"),
    path("conversations/<uuid:conversation_id>/delete/", views.delete, name="delete"),
]
websocket_urlpatterns: list[URLPattern] = []
