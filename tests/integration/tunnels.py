"""TLS in front of a server that speaks none, as stunnel gives it: the Redis of the wheel is one."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HANDSHAKE = b"\x16"  # the first byte of whoever speaks TLS


class Tunnel:
    """A port of its own that leads to another; who speaks no TLS is let through as he is."""

    def __init__(self, port: int, files: tuple[Path, Path]) -> None:
        """`files`: a certificate and its key."""
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._secret = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._secret.load_cert_chain(*files)
        self.handshakes = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):  # wakes who waits in accept
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=[client], daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        is_secret = client.recv(1, socket.MSG_PEEK) == HANDSHAKE
        self.handshakes += is_secret
        with suppress(OSError):
            asyncio.run(self._join(client, self._secret if is_secret else None))

    async def _join(self, client: socket.socket, secret: ssl.SSLContext | None) -> None:
        """Both ways until either end is closed."""
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        transport, protocol = await loop.connect_accepted_socket(
            lambda: asyncio.StreamReaderProtocol(reader), client, ssl=secret
        )
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        others, other = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [asyncio.create_task(way) for way in (pour(reader, other), pour(others, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, other):
            each.close()
        await asyncio.wait(ways)


async def pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()


def certificate(folder: Path) -> tuple[Path, Path]:
    """The files of a certificate for 127.0.0.1 and of its key, as PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).add_extension(here, critical=False)
    made = builder.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    shown, secret = folder / "certificate.pem", folder / "key.pem"
    shown.write_bytes(made.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return shown, secret
