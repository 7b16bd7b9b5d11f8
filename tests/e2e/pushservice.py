"""A push service (RFC 8030) of the tests' own, and the device behind it: it has keys, decrypts what comes (RFC 8291) and verifies who has sent it (RFC 8292), with
python's cryptography and nothing of what is tested."""
import base64
import http.server
import json
import queue
import ssl
import subprocess
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pombal import DEADLINE, new_address

PATIENCE = max(DEADLINE, 60)


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf(salt, secret, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


class Device:
    """What a browser has of a subscription: keys, and what it makes of a message."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.auth = b"0123456789abcdef"
        self.keys = {"p256dh": b64(self.public), "auth": b64(self.auth)}

    def decrypt(self, body):
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        theirs, sealed = body[21:21 + length], body[21 + length:]
        assert size == 4096 and length == 65 and len(body) <= 4096
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        ikm = hkdf(self.auth, shared, b"WebPush: info\0" + self.public + theirs, 32)
        key, nonce = hkdf(salt, ikm, b"Content-Encoding: aes128gcm\0", 16), hkdf(salt, ikm, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1:] == b"\2"
        return plain[:-1]


def verify(field, audience):
    """The key of a field Authorization, whose token is of it, for that audience, and in force."""
    scheme, _, rest = field.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and set(parts) == {"t", "k"}
    header, claims, signature = parts["t"].split(".")
    assert json.loads(unb64(header)) == {"typ": "JWT", "alg": "ES256"}
    pair = unb64(signature)
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(parts["k"]))
    der = encode_dss_signature(int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big"))
    key.verify(der, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    told = json.loads(unb64(claims))
    assert told["aud"] == audience and time.time() < told["exp"] <= time.time() + 24 * 3600 and told["sub"].startswith("mailto:postmaster@")
    return parts["k"]


class PushService:
    """`answer`: by path, (status, fields) or a function that is called with the handler and answers itself; 201 else. What comes to a path is in `messages(path)`."""

    def __init__(self, folder):
        self.address, self.answer, self.came, self.lock = new_address(), {}, {}, threading.Lock()
        key, self.trusted = folder / "push.key", folder / "push.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", self.trusted, "-days", "2", "-subj", "/CN=push",
                        "-addext", f"subjectAltName=IP:{self.address},DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.messages(self.path).put((self.headers, body))
                answer = service.answer.get(self.path, (201, {}))
                if callable(answer):
                    answer(self)
                    return
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server((self.address, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.trusted, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.origin = f"https://{self.address}:{self.port}"
        self.options = {"trusted_certificates": str(self.trusted), "fetch_private_networks": ["127.0.0.0/8"]}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def messages(self, path):
        with self.lock:
            return self.came.setdefault(path, queue.Queue())

    def next(self, path, device=None):
        """The fields of the next message to the path, and what it says."""
        fields, body = self.messages(path).get(timeout=PATIENCE)
        assert fields["Content-Type"] == "application/json" and int(fields["TTL"]) > 0 and fields["Urgency"] in ("very-low", "low", "normal", "high")
        assert fields["Content-Encoding"] == ("aes128gcm" if device else None)
        fields.add_header("key", verify(fields["Authorization"], self.origin))
        return fields, json.loads(device.decrypt(body) if device else body)

    def is_quiet(self, path):
        return self.messages(path).empty()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
