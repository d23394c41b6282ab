"""Servers for the demonstration: HTTP/1.1 with keep-alive and answers of several sizes and speeds, and a UDP echo.

Prints `http PORT` and `udp PORT`, and serves on loopback until it is ended.
"""

import http.server
import socketserver
import threading
import time

ITEMS = b'{"items": [' + b", ".join(b'{"id": %d, "name": "thing"}' % n for n in range(400)) + b"]}"


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, body = 200, b"hello\n"
        if self.path.startswith("/items"):
            body = ITEMS
        elif self.path.startswith("/slow"):
            time.sleep(0.15)
        elif self.path == "/broken":
            status, body = 500, b"something broke\n"
        elif self.path != "/":
            status, body = 404, b"nothing here\n"
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        socket.sendto(data.upper(), self.client_address)


shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
echo = socketserver.UDPServer(("127.0.0.1", 0), Echo)
print(f"http {shop.server_address[1]}\nudp {echo.server_address[1]}", flush=True)
threading.Thread(target=echo.serve_forever, daemon=True).start()
shop.serve_forever()
