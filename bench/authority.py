"""A certificate authority for one run: a root, and a P-256 certificate for this machine."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.chaos.netem import FAR_ADDRESS

ADDRESSES = ("127.0.0.1", FAR_ADDRESS)
VALID = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Made:
    """Where everything lies, PEM: the root, the leaf, and the leaf's private key."""

    ca_file: Path
    cert_file: Path
    key_file: Path


def make(folder: Path) -> Made:
    """Make a root and a leaf as a province would get them: ECDSA on P-256, one step apart."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Made(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _root(root_key)
    made.ca_file.write_bytes(root.public_bytes(Encoding.PEM))
    made.cert_file.write_bytes(_leaf(root, root_key, key).public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made.key_file.write_bytes(secret)
    made.key_file.chmod(0o600)
    return made


def _root(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("Bench root")
    return (
        _begun(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    names = [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    return (
        _begun(_name("province"), root.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
