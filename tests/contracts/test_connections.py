"""Connections to models and storage, against servers that keep to HTTP and servers that do not."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.adapters.connections import Connections, Reply, request

REQUEST = request("GET", "/it", {"host": "here"})
ANSWER = b"HTTP/1.1 201 Created\r\nX-Ms-Kind: a\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbody"
CLOSING = ANSWER.replace(b"X-Ms-Kind: a", b"Connection: close")


class Server:
    """Sends the next of the answers to each request; nothing once they are used up. Counts connections and requests."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests = 0
        self.waiting = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                if not self.answers:
                    self.waiting.set()
                    continue
                answer = self.answers.pop(0)
                writer.write(answer)
                if answer in (b"", CLOSING, UNTIL_CLOSED):
                    break
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()


class Cutting(Server):
    """Closes its connection after each answer, whatever it says of its length."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answers.pop(0))
        writer.close()


class Pieces(Server):
    """Sends the head at once, and each piece of its one answer by itself once it is told to."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(*answers)
        self.go = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % sum(map(len, self.answers)))
        await self.go.wait()
        for piece in self.answers:
            writer.write(piece)
            await writer.drain()
        await reader.read()
        writer.close()


class Resetting(Pieces):
    """Breaks its connection off in the middle of an answer that says nothing of its length, once it is told to."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(UNTIL_CLOSED)
        await self.go.wait()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()


@asynccontextmanager
async def to(server: Server, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Connections]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    host, port = listening.sockets[0].getsockname()
    connections = Connections(f"{'https' if tls else 'http'}://{host}:{port}/base", connect_s=5)
    try:
        yield connections
    finally:
        connections.close()
        listening.close()
        listening.close_clients()
        await listening.wait_closed()


async def test_an_answer_has_its_status_its_headers_and_its_body() -> None:
    async with to(Server(ANSWER)) as connections:
        assert await connections.ask(REQUEST) == Reply(201, {"x-ms-kind": "a", "content-length": "4"}, b"body")


async def test_a_body_may_come_in_chunks() -> None:
    async with to(Server(CHUNKED)) as connections:
        assert (await connections.ask(REQUEST)).body == b"body"


async def test_requests_one_after_the_other_share_a_connection() -> None:
    server = Server(ANSWER, CHUNKED, ANSWER)
    async with to(server) as connections:
        statuses = [(await connections.ask(REQUEST)).status for _ in range(3)]
    assert (statuses, server.connections) == ([201, 200, 201], 1)


async def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    server = Server(*[ANSWER] * 8)
    async with to(server) as connections:
        for _ in range(2):
            await asyncio.gather(*(connections.ask(REQUEST) for _ in range(4)))
    assert server.connections == 4


async def test_a_connection_that_the_server_closes_is_not_used_again() -> None:
    server = Server(CLOSING, ANSWER)
    async with to(server) as connections:
        await connections.ask(REQUEST)
        assert (await connections.ask(REQUEST)).status == 201
    assert server.connections == 2


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_what_is_no_answer_is_an_error_and_the_next_request_is_not_touched_by_it(answer: bytes) -> None:
    server = Server(answer, ANSWER)
    async with to(server) as connections:
        with pytest.raises(ConnectionError):
            await connections.ask(REQUEST)
        assert (await connections.ask(REQUEST)).body == b"body"


@pytest.mark.parametrize("answer", [ANSWER[:-1], CHUNKED[:-5], b"HTTP/1.1 200"])
async def test_an_answer_that_is_cut_is_an_error(answer: bytes) -> None:
    async with to(Cutting(answer)) as connections:
        with pytest.raises(ConnectionResetError):
            await connections.ask(REQUEST)


async def test_hints_before_the_answer_are_not_the_answer() -> None:
    async with to(Server(EARLY + ANSWER, ANSWER)) as connections:
        assert [(await connections.ask(REQUEST)).status for _ in range(2)] == [201, 201]


async def test_an_answer_without_a_length_lasts_as_long_as_its_connection() -> None:
    server = Server(UNTIL_CLOSED, ANSWER)
    async with to(server) as connections:
        assert (await connections.ask(REQUEST)).body == b"body"
        assert (await connections.ask(REQUEST)).status == 201
    assert server.connections == 2


async def test_a_whole_answer_is_read_although_its_connection_serves_another_meanwhile() -> None:
    server = Server(ANSWER, CHUNKED)
    async with to(server) as connections:
        first = await connections.send(REQUEST)
        assert (await connections.ask(REQUEST)).body == b"body"
        assert (await first.read(), first.status) == (b"body", 201)
        first.close()
    assert server.connections == 1


async def test_a_sender_waits_while_nobody_reads() -> None:
    await held_back()


async def held_back(tls: ssl.SSLContext | None = None) -> None:
    size = 16 * 2**20
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size), ANSWER)
    async with to(server, tls) as connections:
        answer = await connections.send(REQUEST)
        pieces: list[bytes] = []
        while piece := await answer.receive():
            pieces.append(piece)
        answer.close()
        assert (sum(map(len, pieces)), max(map(len, pieces)) < 4 * 2**20) == (size, True)
        assert (await connections.ask(REQUEST)).status == 201
    assert server.connections == 1


async def test_a_connection_whose_answer_ended_while_it_was_held_back_serves_the_next() -> None:
    size = 2**20 + 1  # held back with its last byte, however it comes
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size), ANSWER)
    async with to(server) as connections, asyncio.timeout(10):
        answer = await connections.send(REQUEST)
        while not answer.ended:
            await asyncio.sleep(0)
        assert len(await answer.read()) == size
        assert (await connections.ask(REQUEST)).status == 201
    assert server.connections == 1


async def test_what_comes_while_it_gathers_comes_as_one() -> None:
    await gathered()


async def gathered(tls: ssl.SSLContext | None = None) -> None:
    server = Pieces(b"one ", b"two ", b"three")
    async with to(server, tls) as connections:
        answer = await connections.send(REQUEST)
        answer.gather(1e9)
        server.go.set()
        reading = asyncio.create_task(answer.receive())
        done, _ = await asyncio.wait({reading}, timeout=0.1)
        assert not done
        reading.cancel()
        await asyncio.wait({reading})
        answer.gather(0.01)
        assert await answer.read() == b"one two three"
        answer.close()


@pytest.mark.parametrize("gather_s", [0, 0.05])
async def test_an_answer_that_is_reset_is_not_at_its_end(gather_s: float) -> None:
    server = Resetting()
    async with to(server) as connections, asyncio.timeout(10):
        answer = await connections.send(REQUEST)
        assert await answer.receive() == b"body"
        if gather_s:
            answer.gather(gather_s)
        server.go.set()
        with pytest.raises(ConnectionResetError):
            await answer.read()
        answer.close()


async def test_a_wait_that_ends_with_nothing_loses_nothing() -> None:
    server = Pieces(b"one ", b"two")
    async with to(server) as connections:
        answer = await connections.send(REQUEST)
        assert [await answer.receive(0), await answer.receive(0.01)] == [None, None]
        for given_up, waits_s, lasts in ((1e6, 0.01, False), (0.05, 1e6, True)):
            reading = asyncio.create_task(answer.receive(given_up))
            await asyncio.wait({reading}, timeout=0.01)
            reading.cancel()
            await asyncio.wait({reading})
            reading = asyncio.create_task(answer.receive(waits_s))
            _, waiting = await asyncio.wait({reading}, timeout=0.1)
            assert bool(waiting) == lasts
        server.go.set()
        first = await reading
        assert first is not None
        assert first + await answer.read() == b"one two"
        answer.close()


async def test_a_line_break_in_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        request("GET", "/", {"authorization": "Bearer key\r\nx: y"})


async def test_an_answer_that_nobody_waits_for_any_more_is_not_taken_for_another() -> None:
    server = Server()
    async with to(server) as connections:
        abandoned = asyncio.create_task(connections.ask(REQUEST))
        await server.waiting.wait()
        abandoned.cancel()
        await asyncio.wait({abandoned})
        server.answers = [CHUNKED]
        assert (await connections.ask(REQUEST)).status == 200
    assert (server.requests, server.connections) == (2, 2)


async def test_what_was_not_asked_for_closes_the_connection() -> None:
    server = Server(ANSWER + CHUNKED, ANSWER)
    async with to(server) as connections:
        assert (await connections.ask(REQUEST)).status == 201
        assert (await connections.ask(REQUEST)).status == 201


async def test_a_server_that_is_not_there() -> None:
    async with to(Server()) as connections:
        pass
    with pytest.raises(ConnectionRefusedError):
        await connections.ask(REQUEST)


class TestTls:
    @pytest.fixture
    def trusted(self, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """Of 127.0.0.1, signed by itself, with its key in one file."""
        key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
            .sign(key, hashes.SHA256())
        )
        form = serialization.PrivateFormat.PKCS8
        text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        path = tmp_path / "certificate.pem"
        path.write_bytes(text + signed.public_bytes(serialization.Encoding.PEM))
        return path

    @pytest.fixture
    def tls(self, certificate: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        return context

    @pytest.mark.usefixtures("trusted")
    async def test_a_server_that_the_machine_trusts_is_spoken_to(self, tls: ssl.SSLContext) -> None:
        server = Server(ANSWER, CHUNKED)
        async with to(server, tls) as connections:
            assert [(await connections.ask(REQUEST)).body for _ in range(2)] == [b"body"] * 2
        assert server.connections == 1

    @pytest.mark.usefixtures("trusted")
    async def test_what_comes_while_it_gathers_comes_as_one(self, tls: ssl.SSLContext) -> None:
        await gathered(tls)

    @pytest.mark.usefixtures("trusted")
    async def test_a_sender_waits_while_nobody_reads(self, tls: ssl.SSLContext) -> None:
        await held_back(tls)

    async def test_a_server_that_it_does_not_trust_is_not(self, tls: ssl.SSLContext) -> None:
        server = Server(ANSWER)
        async with to(server, tls) as connections:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connections.ask(REQUEST)
        assert server.requests == 0
