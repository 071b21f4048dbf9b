"""A person as a program: signs up through the page's forms and begins conversations."""

import json
import re
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from uuid import uuid4

from tests.system.tab import Tab
from tests.waiting import GENEROUS


class Account:
    """A new account, logged in; its cookies work at every replica."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.jar = CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self.jar)
        self.browser = urllib.request.build_opener(handler)
        page = self.browser.open(f"{self.address}/signup/", timeout=GENEROUS).read().decode()
        self.token = found_token(page)
        password = uuid4().hex
        self.name = f"user-{uuid4().hex[:12]}"
        self.post("/signup/", username=self.name, password1=password, password2=password)
        self.token = found_token(self.get("/"))

    def get(self, path: str) -> str:
        return self.browser.open(self.address + path, timeout=GENEROUS).read().decode()

    def post(self, path: str, **form: str) -> str:
        data = urlencode({"csrfmiddlewaretoken": self.token, **form}).encode()
        with self.browser.open(self.address + path, data, timeout=GENEROUS) as answer:
            return answer.read().decode()

    def begin(self, agent: str = "") -> str:
        """The id of a new conversation."""
        return json.loads(self.post("/conversations/begin/", agent=agent))["id"]

    def tab(self, port: int, conversation: str) -> Tab:
        """A tab that is not open yet."""
        cookie = "; ".join(f"{one.name}={one.value}" for one in self.jar)
        return Tab(conversation, cookie, port)


def found_token(page: str) -> str:
    """The CSRF token of a page's form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found is not None, "the page has no form"
    return found[1]
