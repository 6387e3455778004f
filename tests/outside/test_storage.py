"""A file in the store is whole, secret and written once, on full disks and under kill -9."""

from __future__ import annotations

import hashlib
import io
import os
import random
import re
import resource
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.outside.storage import CHUNK_BYTES, PURPOSE, TAG_BYTES, LocalStore, StorageFault, StorageFull
from app.outside.vault import Vault, VaultFault

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
MASTER = bytes(32)
HEADER_BYTES = 36


@pytest.fixture
def vault() -> Vault:
    return Vault({"t": MASTER}, "t")


@pytest.fixture
def wrapped(vault: Vault) -> bytes:
    return vault.new_key(PURPOSE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def store(folder: Path) -> LocalStore:
    return LocalStore(folder)


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]
)
def test_what_was_put_comes_back_in_chunks(store: LocalStore, vault: Vault, wrapped: bytes, size: int) -> None:
    content = random.Random(size).randbytes(size)

    stored = store.put(io.BytesIO(content), wrapped, vault)

    chunks = list(store.get(stored.key, wrapped, vault))
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert list(store.keys()) == [stored.key]
    assert list(store.partials()) == []


def test_a_stream_that_gives_little_at_a_time_is_the_same_file(store: LocalStore, vault: Vault, wrapped: bytes) -> None:
    content = random.Random(1).randbytes(CHUNK_BYTES + 5000)
    reading, writing = os.pipe()
    feeder = threading.Thread(target=feed, args=(writing, content))
    feeder.start()
    with os.fdopen(reading, "rb", buffering=0) as slow:
        stored = store.put(slow, wrapped, vault)
    feeder.join()

    assert b"".join(store.get(stored.key, wrapped, vault)) == content


def test_the_disk_shows_neither_the_content_nor_a_name(
    store: LocalStore, folder: Path, vault: Vault, wrapped: bytes
) -> None:
    secret = b"Maria Papadopoulou, born 1 March 1990"
    stored = store.put(secret, wrapped, vault)

    on_disk = (folder / stored.key).read_bytes()

    assert secret not in on_disk
    assert re.fullmatch("[0-9a-f]{32}", stored.key)
    assert stat.S_IMODE((folder / stored.key).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_one_content_put_twice_is_two_different_files(
    store: LocalStore, folder: Path, vault: Vault, wrapped: bytes
) -> None:
    first, second = (store.put(b"the same scan", wrapped, vault) for _ in range(2))

    assert first.key != second.key
    assert (folder / first.key).read_bytes() != (folder / second.key).read_bytes()


def test_every_kind_of_tampering_is_found(store: LocalStore, folder: Path, vault: Vault, wrapped: bytes) -> None:
    content = random.Random(2).randbytes(3 * CHUNK_BYTES + 9)
    stored = store.put(content, wrapped, vault)
    whole = (folder / stored.key).read_bytes()
    header, chunks = whole[:HEADER_BYTES], chunks_of(whole)
    a, b, c, d = chunks

    tampered = {
        "cut inside the last chunk": whole[:-1],
        "cut at a chunk's end": header + a + b + c,
        "only the first chunk": header + a,
        "nothing but the header": header,
        "cut inside the header": header[:20],
        "empty": b"",
        "one byte more": whole + b"\0",
        "a chunk more": whole + a,
        "the last chunk twice": whole + d,
        "two chunks exchanged": header + b + a + c + d,
        "a chunk doubled": header + a + a + b + c + d,
        "a chunk missing": header + a + c + d,
        "another salt": header[:4] + bytes(32) + a + b + c + d,
        "another mark": b"CPF2" + whole[4:],
        "a changed byte in the middle": flipped(whole, len(whole) // 2),
        "a changed byte at the end": flipped(whole, len(whole) - 1),
    }
    codes = {}
    for what, disk in tampered.items():
        (folder / stored.key).write_bytes(disk)
        codes[what] = fault_of_reading(store, stored.key, wrapped, vault)

    assert codes == dict.fromkeys(tampered, "damaged")


def test_every_changed_byte_of_a_small_file_is_found(
    store: LocalStore, folder: Path, vault: Vault, wrapped: bytes
) -> None:
    stored = store.put(b"yes", wrapped, vault)
    whole = (folder / stored.key).read_bytes()

    codes = set()
    for at in range(len(whole)):
        (folder / stored.key).write_bytes(flipped(whole, at))
        codes.add(fault_of_reading(store, stored.key, wrapped, vault))

    assert codes == {"damaged"}


def test_two_files_of_one_patient_cannot_change_places(
    store: LocalStore, folder: Path, vault: Vault, wrapped: bytes
) -> None:
    yes, no = store.put(b"yes", wrapped, vault), store.put(b"no", wrapped, vault)
    (folder / yes.key).rename(folder / "aside")
    (folder / no.key).rename(folder / yes.key)

    assert fault_of_reading(store, yes.key, wrapped, vault) == "damaged"


def test_the_wrong_key_reads_nothing(store: LocalStore, vault: Vault, wrapped: bytes) -> None:
    stored = store.put(b"x" * (CHUNK_BYTES + 1), wrapped, vault)
    another = vault.new_key(PURPOSE)

    assert fault_of_reading(store, stored.key, another, vault) == "damaged"
    with pytest.raises(VaultFault):
        store.get(stored.key, wrapped[:-1], vault)


def test_a_key_that_was_made_for_no_file_keeps_and_reads_none(store: LocalStore, vault: Vault, wrapped: bytes) -> None:
    stored = store.put(b"x", wrapped, vault)
    patients = vault.new_key(b"patient:1")

    for use in (lambda: store.put(b"x", patients, vault), lambda: store.get(stored.key, patients, vault)):
        with pytest.raises(VaultFault):
            use()
    assert list(store.keys()) == [stored.key]


def test_a_missing_file_and_a_path_are_both_missing_at_once(
    store: LocalStore, folder: Path, vault: Vault, wrapped: bytes
) -> None:
    (folder.parent / "secret").write_text("outside of the store")
    names = ["0" * 32, "", "..", "../secret", str(folder.parent / "secret"), "A" * 32, "0" * 32 + "\n"]

    codes = []
    for name in names:
        with pytest.raises(StorageFault) as caught:
            store.get(name, wrapped, vault)
        codes.append((caught.value.code, store.exists(name)))

    assert codes == [("missing", False)] * len(names)


def test_a_deleted_file_is_gone_and_may_be_deleted_again(store: LocalStore, vault: Vault, wrapped: bytes) -> None:
    kept, gone = store.put(b"kept", wrapped, vault), store.put(b"gone", wrapped, vault)

    store.delete(gone.key)
    store.delete(gone.key)

    assert list(store.keys()) == [kept.key]
    assert (store.exists(kept.key), store.exists(gone.key)) == (True, False)


def test_a_stream_that_breaks_leaves_nothing(store: LocalStore, folder: Path, vault: Vault, wrapped: bytes) -> None:
    with pytest.raises(ConnectionAbortedError):
        store.put(BreakingUpload(), wrapped, vault)

    assert list(folder.iterdir()) == []


def test_a_store_whose_folder_is_gone_is_broken_and_says_so(
    store: LocalStore, folder: Path, vault: Vault, wrapped: bytes
) -> None:
    folder.rmdir()

    with pytest.raises(StorageFault) as caught:
        store.put(b"x", wrapped, vault)

    assert caught.value.code == "broken"


PUT = """
import resource, sys
from pathlib import Path
from typing import TYPE_CHECKING
from app.outside.storage import LocalStore, StorageFault
from app.outside.vault import Vault
vault = Vault({"t": bytes(32)}, "t")
store, wrapped = LocalStore(Path(sys.argv[1])), bytes.fromhex(sys.argv[2])
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    store.put(bytes(5 << 20), wrapped, vault)
    print("kept")
except StorageFault as fault:
    print(type(fault).__name__, fault.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
print(store.put(b"room again", wrapped, vault).size)
"""


@pytest.mark.t_full
@pytest.mark.parametrize("limit", [0, 10, 36, 1 << 20, (4 << 20) + 77, (5 << 20) + 36 + 5 * TAG_BYTES - 1])
def test_a_limit_on_the_size_of_files_keeps_nothing_and_the_next_file_works(
    store: LocalStore, folder: Path, wrapped: bytes, limit: int
) -> None:
    command = [sys.executable, "-c", PUT, str(folder), wrapped.hex(), str(limit)]

    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split("\n")

    assert said == ["StorageFull full", "10", ""]
    assert len(list(store.keys())) == len(list(folder.iterdir())) == 1


@pytest.mark.t_full
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small file system")
def test_a_full_file_system_keeps_nothing_and_the_next_file_works(tmp_path: Path, vault: Vault, wrapped: bytes) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        store = LocalStore(small / "files")
        with pytest.raises(StorageFull) as caught:
            store.put(bytes(5 << 20), wrapped, vault)
        left = list((small / "files").iterdir())
        stored = store.put(b"room again", wrapped, vault)
        read = b"".join(store.get(stored.key, wrapped, vault))
    finally:
        subprocess.run(["/bin/umount", small], check=True)

    assert (caught.value.code, left, read) == ("full", [], b"room again")


KILLED = """
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from app.outside.storage import LocalStore
from app.outside.vault import Vault
store, wrapped = LocalStore(Path(sys.argv[1])), bytes.fromhex(sys.argv[2])
vault = Vault({"t": bytes(32)}, "t")
while True:
    print(store.put(bytes(2 << 20), wrapped, vault).key, flush=True)
"""


@pytest.mark.t_crash
def test_kill_9_in_the_middle_of_writing_leaves_every_key_whole(
    store: LocalStore, folder: Path, vault: Vault, wrapped: bytes
) -> None:
    acknowledged: list[str] = []
    for round_ in range(6):
        command = [sys.executable, "-c", KILLED, str(folder), wrapped.hex()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
            assert writer.stdout is not None
            acknowledged.append(writer.stdout.readline().strip())
            time.sleep(0.005 * round_)
            writer.kill()
            acknowledged += writer.stdout.read().split()

    visible = set(store.keys())
    assert set(acknowledged) - visible == set(), "an acknowledged file is lost"
    for key in visible:
        assert b"".join(store.get(key, wrapped, vault)) == bytes(2 << 20)


@pytest.mark.t_crash
def test_kill_9_before_the_end_of_an_upload_leaves_a_partial_and_no_key(
    store: LocalStore, folder: Path, wrapped: bytes
) -> None:
    code = KILLED.replace("bytes(2 << 20)", "sys.stdin.buffer")
    command = [sys.executable, "-c", code, str(folder), wrapped.hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as writer:
        assert writer.stdin is not None
        writer.stdin.write(bytes(3 << 20))
        writer.stdin.flush()
        until(lambda: sum(partial.size for partial in store.partials()) > CHUNK_BYTES)
        writer.kill()

    (partial,) = store.partials()
    assert list(store.keys()) == []
    assert 0 <= partial.age_seconds < 60

    store.discard(partial)

    assert list(folder.iterdir()) == []


def test_the_memory_for_a_large_file_is_that_of_a_few_chunks(store: LocalStore, vault: Vault, wrapped: bytes) -> None:
    stored = store.put(Zeros(16 << 20), wrapped, vault)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    larger = store.put(Zeros(256 << 20), wrapped, vault)
    read = sum(map(len, store.get(larger.key, wrapped, vault)))

    assert (stored.size, larger.size, read) == (16 << 20, 256 << 20, 256 << 20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


class Zeros:
    """An upload of so many zero bytes."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int) -> bytes:
        given = min(size, self.left)
        self.left -= given
        return bytes(given)


class BreakingUpload:
    """An upload whose browser goes away after the first mebibyte."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int) -> bytes:
        if self.given:
            raise ConnectionAbortedError
        self.given += size
        return bytes(size)


def feed(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb", buffering=0) as pipe:
        for start in range(0, len(content), 7000):
            pipe.write(content[start : start + 7000])


def chunks_of(whole: bytes) -> list[bytes]:
    step = CHUNK_BYTES + TAG_BYTES
    return [whole[start : start + step] for start in range(HEADER_BYTES, len(whole), step)]


def flipped(whole: bytes, at: int) -> bytes:
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def fault_of_reading(store: LocalStore, key: str, wrapped: bytes, vault: Vault) -> str:
    with pytest.raises(StorageFault) as caught:
        b"".join(store.get(key, wrapped, vault))
    return caught.value.code


def until(true_at_last: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true_at_last():
        assert time.monotonic() < deadline
        time.sleep(0.01)
