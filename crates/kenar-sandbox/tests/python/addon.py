"""An add-on that uses only Python's standard library, and its test against `kenar-sandbox`.

Usage: python3 addon.py PATH_OF_KENAR_SANDBOX
"""

import hmac
import http.client
import json
import secrets
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit

COMPLETION_URL = "https://open-platform-redirect.divar.ir/completion"
PNG = b"\x89PNG\r\n\x1a\n and the picture"
TIMEOUT = 20


def request(method, url, headers={}, body=None):
    """Sends an HTTP request without following redirects. Returns the status, the headers and the body."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT)
    path = address.path + ("?" + address.query if address.query else "")
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    whole = response.status, response.headers, response.read()
    connection.close()
    return whole


def call(method, url, headers={}, body=None):
    """Sends a request with a JSON body, and returns the JSON of its response."""
    headers = {"Content-Type": "application/json", **headers}
    status, _, text = request(method, url, headers, json.dumps(body).encode())
    assert status == 200, (method, url, status, text)
    return json.loads(text or b"{}")


# The add-on


class AddOn(BaseHTTPRequestHandler):
    """Sends a message into the conversation in which it was opened, and runs an echo bot."""

    kenar = app = old = url = None
    visits = {}
    threads = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # The identification key is the whole value of the header, without a scheme.
        app = self.old if self.path.startswith("/old/") else self.app
        if not hmac.compare_digest(self.headers.get("Authorization", ""), app["identification_key"]):
            return self.respond(401)
        told = json.loads(body)
        if self.path == "/kenar/open":
            assert self.headers["API-Version"] == "2" and told["source"] == "CHAT", told
            visit = secrets.token_urlsafe()
            self.visits[visit] = told["conversation_id"]
            self.respond(200, {"url": f"{self.url}/visits/{visit}"})
        elif self.path == "/old/open":
            assert "API-Version" not in self.headers and told["callback_url"] == COMPLETION_URL, told
            self.respond(200, {"status": "200", "message": "success", "url": f"{self.url}/old"})
        elif self.path == "/kenar/action":
            self.respond(200, {"text_message": f"order {told['extra_data']['order']} confirmed"})
        elif self.path == "/kenar/event":
            self.respond(200, {})
            # Divar expects a response within two seconds, so the work is done after it.
            work = threading.Thread(target=self.reply_to, args=[told], daemon=True)
            self.threads.append(work)
            work.start()

    def do_GET(self):
        address = urlsplit(self.path)
        if address.path.startswith("/visits/"):
            visit = address.path.removeprefix("/visits/")
            self.redirect(
                f"{self.kenar}/oauth2/auth?"
                + urlencode(
                    {
                        "response_type": "code",
                        "client_id": self.app["slug"],
                        "redirect_uri": self.app["redirect_uris"][0],
                        "scope": f"CONVERSATION_SEND_MESSAGE.{self.visits[visit]}",
                        "state": visit,
                    }
                )
            )
        elif address.path == "/oauth/callback":
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            conversation = self.visits.pop(query["state"])
            if "code" in query:
                self.send_order(conversation, query["code"])
            self.redirect(COMPLETION_URL)

    def send_order(self, conversation, code):
        status, _, tokens = request(
            "POST",
            f"{self.kenar}/oauth2/token",
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "client_id": self.app["slug"],
                    "client_secret": self.app["client_secret"],
                    "redirect_uri": self.app["redirect_uris"][0],
                }
            ),
        )
        assert status == 200, tokens
        button = {"caption": "تأیید", "icon": "CHECKED", "action": {"get_dynamic_action": {"data": {"order": "17"}}}}
        call(
            "POST",
            f"{self.kenar}/v2/open-platform/conversations/{quote(conversation)}/messages",
            {**self.key(), "Authorization": "Bearer " + json.loads(tokens)["access_token"]},
            {"type": "TEXT", "message": "سفارش ۱۷ ثبت شد", "receiver_buttons": {"rows": [{"buttons": [button]}]}},
        )

    def reply_to(self, event):
        message = event["new_chatbot_message"]
        reply = {"type": "TEXT", "text_message": "گفتید: " + message.get("text", "")}
        if message.get("text") == "عکس":
            reply = {"media_token": self.upload(PNG)}
        conversation = quote(message["conversation"]["id"])
        path = f"/v1/open-platform/chat/bot/conversations/{conversation}/messages"
        call("POST", self.kenar + path, self.key(), reply)

    def upload(self, picture):
        token = call("POST", self.kenar + "/experimental/open-platform/chat/upload", self.key(), {})["token"]
        boundary = secrets.token_hex()
        part = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        body = part.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Authorization": "Bearer " + token, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        status, _, uploaded = request("POST", self.kenar + "/upload/image", headers, body)
        assert status == 200, uploaded
        return json.loads(uploaded)["id"]

    def key(self):
        return {"X-API-Key": self.app["api_key"]}

    def respond(self, status, body=None):
        self.send_response(status)
        text = json.dumps(body).encode() if body is not None else b""
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def redirect(self, url):
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


# The test


class Divar:
    """The people of the sandbox. They can do what the chat page can do."""

    def __init__(self, url):
        self.url = url

    def act(self, act, **body):
        result = call("POST", f"{self.url}/chat/act/{act}", {"Origin": self.url}, body)
        assert "error" not in result, (act, body, result)
        return result

    def overview(self, me):
        return json.loads(request("GET", f"{self.url}/chat/overview?{urlencode({'me': me})}")[2])

    def messages(self, me, chat):
        query = urlencode({"me": me, "chat": chat})
        return json.loads(request("GET", f"{self.url}/chat/messages?{query}")[2])["messages"]

    def wait_for(self, me, chat, count):
        """Waits until a conversation has `count` messages. The stream has an event for each change."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=TIMEOUT)
        connection.request("GET", "/chat/live")
        stream = connection.getresponse()
        try:
            while line := stream.readline():
                if line.startswith(b"data:"):
                    messages = self.messages(me, chat)
                    if len(messages) >= count:
                        return messages
        finally:
            connection.close()
        raise AssertionError("the stream ended")


def opening_consent_and_sending(divar, app):
    divar.act("new-person", name="سارا")
    divar.act("new-person", name="علی")
    post = divar.act("new-post", name="سارا")["post"]
    chat = divar.act("ask-about", me="علی", post=post)["chat"]

    page = divar.act("open", me="علی", chat=chat, app=app)["url"]
    status, headers, body = request("GET", page)
    assert status == 302, body
    consent = headers["Location"]
    status, headers, body = request("GET", consent)
    assert status == 200 and "text/html" in headers["Content-Type"] and b"<form" in body, body

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, body = request("POST", consent, form, urlencode({"user": "علی", "decision": "allow"}))
    assert status == 303, body
    status, headers, body = request("GET", headers["Location"])
    assert (status, headers["Location"]) == (302, COMPLETION_URL), body

    [sent] = divar.messages("سارا", chat)
    assert sent["message"]["text"] == "سفارش ۱۷ ثبت شد" and sent["app"] == app, sent
    pressed = divar.act("press", me="سارا", chat=chat, message=sent["message"]["id"], row=0, column=0)
    assert pressed["toast"] == "order 17 confirmed", pressed


def chatbot(divar, app):
    chat = divar.act("start-bot", me="علی", app=app)["chat"]
    divar.act("write", me="علی", chat=chat, said={"text": "سلام"})
    reply = divar.wait_for("علی", chat, 2)[1]
    assert reply["message"]["text"] == "گفتید: سلام", reply

    divar.act("write", me="علی", chat=chat, said={"text": "عکس"})
    photo = divar.wait_for("علی", chat, 4)[3]["message"]
    status, _, picture = request("GET", photo["image_data"]["link"])
    assert (status, picture) == (200, PNG), photo


def version_1_and_fallback_url(divar, app):
    post = divar.act("new-post", name="سارا")["post"]
    assert divar.act("open-on-post", me="علی", post=post, app=app)["url"] == f"{AddOn.url}/old"
    link = divar.act("follow-direct-link", me="علی", post=post, app=app)["url"]
    assert link == f"{AddOn.url}/old/link?" + urlencode({"post_token": post, "completion_url": COMPLETION_URL}), link


def expiry(divar, app):
    """An authorization code expires when the clock advances."""
    chat = next(chat["id"] for chat in divar.overview("علی")["chats"] if chat["side"] == "DEMAND")
    consent = request("GET", divar.act("open", me="علی", chat=chat, app=app)["url"])[1]["Location"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    _, headers, _ = request("POST", consent, form, urlencode({"user": "علی", "decision": "allow"}))
    code = parse_qs(urlsplit(headers["Location"]).query)["code"][0]
    divar.act("advance", seconds=3600)
    exchange = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": app,
        "client_secret": AddOn.app["client_secret"],
        "redirect_uri": AddOn.app["redirect_uris"][0],
    }
    status, _, body = request("POST", f"{divar.url}/oauth2/token", form, urlencode(exchange))
    assert status == 400 and json.loads(body)["error"] == "invalid_grant", (status, body)


def main(binary):
    add_on = ThreadingHTTPServer(("127.0.0.1", 0), AddOn)
    threading.Thread(target=add_on.serve_forever, daemon=True).start()
    AddOn.url = f"http://127.0.0.1:{add_on.server_port}"

    arguments = ["--json", "--port", "0", "--app", "order-bot", "--addon-url", AddOn.url, "--person", "رضا"]
    arguments += ["--app", "old", "--open-app-version", "1"]
    arguments += ["--open-app-url", f"{AddOn.url}/old/open", "--fallback-url", f"{AddOn.url}/old/link"]
    sandbox = subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        started = json.loads(sandbox.stdout.readline())
        AddOn.kenar, [AddOn.app, AddOn.old] = started["url"], started["apps"]
        divar = Divar(started["url"])
        assert [person["name"] for person in divar.overview("رضا")["people"]] == ["رضا"]
        opening_consent_and_sending(divar, AddOn.app["slug"])
        chatbot(divar, AddOn.app["slug"])
        version_1_and_fallback_url(divar, AddOn.old["slug"])
        expiry(divar, AddOn.app["slug"])
        for thread in AddOn.threads:
            thread.join(TIMEOUT)

        sandbox.terminate()
        state, _ = sandbox.communicate(timeout=TIMEOUT)
        if sys.platform != "win32":
            assert sandbox.returncode == 0, sandbox.returncode
            said = json.loads(state)["session"]["conversations"].values()
            assert sorted(len(conversation["said"]) for conversation in said) == [1, 4], state
    finally:
        sandbox.kill()
        add_on.shutdown()
    print("all is well")


if __name__ == "__main__":
    main(sys.argv[1])
