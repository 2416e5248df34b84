"""The shortest question in a server's own protocol. A TCP connect proves nothing: the engine's proxy answers that."""

import socket


def amqp_answers(host: str, port: int) -> None:
    """The broker's answer to a protocol header is the start of a connection."""
    with socket.create_connection((host, port), timeout=2) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        if connection.recv(1) != b"\x01":
            raise ConnectionError("no AMQP 0-9-1 broker")
