"""A certificate for 127.0.0.1, which a test's own Redis shows, and its clients trust alone."""

import ipaddress
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devtools.redis import genuine, packaged
from tests.integration.redis_server import STOP_WITHIN


def make(folder: Path) -> tuple[Path, Path]:
    """The files of the certificate and its key, as PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).add_extension(here, critical=False)
    made = builder.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return certificate, secret


def lines(files: tuple[Path, Path], port: int) -> list[str]:
    """Of a server's configuration, so that it speaks TLS at a port as well."""
    certificate, key = files
    return [
        f"tls-port {port}",
        f"tls-cert-file {certificate}",
        f"tls-key-file {key}",
        f"tls-ca-cert-file {certificate}",
        "tls-auth-clients no",
        "tls-replication yes",
    ]


def are_of_use() -> bool:
    """Whether the server at hand can speak TLS: the wheel's cannot. Without a certificate it ends."""
    argv = [genuine() or packaged(), "--port", "0", "--tls-port", "1"]
    ended = subprocess.run(argv, capture_output=True, timeout=STOP_WITHIN, check=False)
    return b"Failed to configure TLS" in ended.stdout
