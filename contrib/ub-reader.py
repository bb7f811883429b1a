#!/usr/bin/python3
"""
ub-reader: open a repository of ub without ub.

Reads what ub has written, from the manual alone: genesis, key slot, keyring, packs, logs, objects.
It needs the repository folder and a password or the recovery words; not the index, not the
machine's state, not ub.  Slow, small, and for the day when nothing else is left.

    ub-reader.py -p FILE REPO refs                  every ref of every device, newest first
    ub-reader.py -p FILE REPO show [REV]            a snapshot's description
    ub-reader.py -p FILE REPO ls [-z] [REV[:PATH]]  what `ub cat-tree -r` prints
    ub-reader.py -p FILE REPO cat REV:PATH          one file, to standard output
    ub-reader.py -p FILE REPO extract REV[:PATH] TARGET
                                                    a whole tree (or one file) into TARGET, which
                                                    must not exist; modes, times and links
                                                    included, owners and ACLs not
    ub-reader.py -p FILE REPO object OID            the bytes of one object
    ub-reader.py -p FILE REPO packs                 what lies in which pack

REV is the hex id of a commit, a ref (main, laptop/main, tags/v1), or HEAD: the newest `main`.

Packages: python3-nacl, and python3-zstandard or the program zstd.  Copyright: MIT, see COPYING.

Formats: ub-format-keys(5), ub-format-pack(5), ub-format-object(5), ub-format-record(5); each part
below names the page that it follows.  Numbers are little-endian everywhere.
"""
import argparse
import getpass
import hashlib
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile
from collections import OrderedDict, namedtuple

from nacl import bindings as sodium
from nacl.exceptions import CryptoError

try:
    import zstandard
except ImportError:                     # then the program zstd is called
    zstandard = None


class Damaged(Exception):
    """Bytes that cannot be what was written."""


class Unknown(Exception):
    """A version or a critical part of a later format."""


class WrongKey(Exception):
    pass


def complain(message):
    print(f'ub-reader: {message}', file=sys.stderr)


def need(condition, message):
    if not condition:
        raise Damaged(message)


# -- BLAKE3, as its authors' paper has it: hash, keyed hash, derive_key; 32 bytes of output ------

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB,
      0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL = 1, 2, 4, 8, 16, 32, 64
CHUNK = 1024
# Which words each of the 56 quarter rounds of a compression mixes, and with which message words.
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def _schedule():
    order, steps = list(range(16)), []
    for _ in range(7):
        for i, places in enumerate(MIXES):
            steps.append(places + (order[2 * i], order[2 * i + 1]))
        order = [order[i] for i in PERMUTATION]
    return tuple(steps)


SCHEDULE = _schedule()


def _compress(cv, block, counter, length, flags):
    m = struct.unpack('<16I', block)
    v = list(cv) + [IV[0], IV[1], IV[2], IV[3], counter & 0xFFFFFFFF, counter >> 32, length, flags]
    for a, b, c, d, x, y in SCHEDULE:
        va, vb, vc, vd = v[a], v[b], v[c], v[d]
        va = (va + vb + m[x]) & 0xFFFFFFFF
        vd ^= va
        vd = (vd >> 16 | vd << 16) & 0xFFFFFFFF
        vc = (vc + vd) & 0xFFFFFFFF
        vb ^= vc
        vb = (vb >> 12 | vb << 20) & 0xFFFFFFFF
        va = (va + vb + m[y]) & 0xFFFFFFFF
        vd ^= va
        vd = (vd >> 8 | vd << 24) & 0xFFFFFFFF
        vc = (vc + vd) & 0xFFFFFFFF
        vb ^= vc
        v[a], v[b], v[c], v[d] = va, (vb >> 7 | vb << 25) & 0xFFFFFFFF, vc, vd
    return tuple(v[i] ^ v[i + 8] for i in range(8))


def _subtree(data, key, first_chunk, flags, root):
    """The chaining value of `data`, whose first chunk has this number."""
    if len(data) <= CHUNK:
        cv, start, pos = key, CHUNK_START, 0
        while len(data) - pos > 64:
            cv = _compress(cv, data[pos:pos + 64], first_chunk, 64, flags | start)
            start, pos = 0, pos + 64
        last = bytes(data[pos:])
        return _compress(cv, last.ljust(64, b'\0'), first_chunk, len(last),
                         flags | start | CHUNK_END | root)
    half = CHUNK
    while 2 * half < len(data):
        half *= 2
    left = _subtree(data[:half], key, first_chunk, flags, 0)
    right = _subtree(data[half:], key, first_chunk + half // CHUNK, flags, 0)
    return _compress(key, struct.pack('<16I', *left, *right), 0, 64, flags | PARENT | root)


def _blake3(data, key, flags):
    return struct.pack('<8I', *_subtree(memoryview(data), key, 0, flags, ROOT))


def blake3(data):
    return _blake3(data, IV, 0)


def blake3_keyed(key, data):
    return _blake3(data, struct.unpack('<8I', key), KEYED)


CONTEXT_KEYS = {}


def derive_key(context, material):
    """ub-format-keys(5), "Derived keys"."""
    if context not in CONTEXT_KEYS:
        CONTEXT_KEYS[context] = struct.unpack('<8I', _blake3(context.encode(), IV, CONTEXT))
    return _blake3(material, CONTEXT_KEYS[context], MATERIAL)


# -- bytes ---------------------------------------------------------------------------------------

class Reader:
    """A cursor over bytes from outside: never past the end, varints in their shortest form."""

    def __init__(self, data, what):
        self.data, self.pos, self.what = bytes(data), 0, what

    def bytes(self, n):
        need(n <= len(self.data) - self.pos, f'{self.what} is cut short')
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def u8(self):
        return self.bytes(1)[0]

    def u16(self):
        return struct.unpack('<H', self.bytes(2))[0]

    def u32(self):
        return struct.unpack('<I', self.bytes(4))[0]

    def i32(self):
        return struct.unpack('<i', self.bytes(4))[0]

    def u64(self):
        return struct.unpack('<Q', self.bytes(8))[0]

    def i64(self):
        return struct.unpack('<q', self.bytes(8))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            need(byte or not shift, f'{self.what} has a number that is not in shortest form')
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                need(value < 1 << 64, f'{self.what} has a number too large')
                return value
            need(shift < 70, f'{self.what} has a number too large')

    def lenbytes(self, most):
        n = self.varint()
        need(n <= most, f'{self.what} has a field too long')
        return self.bytes(n)

    def rest(self):
        return self.bytes(len(self.data) - self.pos)

    def is_at_end(self):
        return self.pos == len(self.data)

    def end(self):
        need(self.is_at_end(), f'{self.what} has bytes too many')

    def fields(self, is_critical):
        """Extension fields: what is not known and not critical is passed over."""
        for _ in range(self.varint()):
            tag = self.varint()
            self.lenbytes(len(self.data))
            if is_critical(tag):
                raise Unknown(f'{self.what} has the critical field {tag}')

    def head(self, magic, flags_known=0):
        need(self.bytes(8) == magic, f'{self.what} does not begin as one')
        version, flags = self.u8(), self.u8()
        if version != 0 or flags & ~flags_known:
            raise Unknown(f'{self.what} has version {version}, flags {flags:#x}')
        return flags


def read_file(path, most):
    with open(path, 'rb') as f:
        data = f.read(most + 1)
    need(len(data) <= most, f'{path} has more than {most} bytes')
    return data


SEAL_OVERHEAD = 40


def unseal(key, ad, sealed, what):
    """nonce 24, ciphertext, tag 16; None when it is not genuine."""
    need(len(sealed) >= SEAL_OVERHEAD, f'{what} is too short to be sealed')
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[24:], ad, sealed[:24], key)
    except CryptoError:
        return None


# -- keys: ub-format-keys(5) ---------------------------------------------------------------------

Slot = namedtuple('Slot', 'type kdf mem_kib passes salt repo_id sealed head')
SLOT_PASSWORD, SLOT_RECOVERY = 1, 2


def check_hash(data, what):
    """All key files but genesis end in the hash of what stands before it."""
    need(len(data) > 32 and blake3(data[:-32]) == data[-32:], f'{what} is damaged')
    return data[:-32]


def parse_slot(data):
    data = check_hash(data, 'a key slot')
    r = Reader(data, 'a key slot')
    r.head(b'UBKSLOT\0')
    kind = r.u8()
    r.bytes(8)                          # slot id, which is also its name
    repo_id = r.bytes(32)
    r.u64()                             # created
    kdf, mem_kib, passes, salt = r.u8(), r.u32(), r.u32(), r.bytes(32)
    r.lenbytes(64)                      # label
    head = data[:r.pos]
    sealed = r.bytes(32 + SEAL_OVERHEAD)
    r.end()
    return Slot(kind, kdf, mem_kib, passes, salt, repo_id, sealed, head)


def words_to_entropy(text, word_list):
    """24 words of BIP39's English list: 256 bits and 8 bits of SHA-256."""
    words = text.lower().split()
    if len(words) != 24:
        raise WrongKey(f'{len(words)} recovery words instead of 24')
    bits = 0
    for word in words:
        found = [i for i, w in enumerate(word_list) if w == word or
                 (len(word) >= 4 and w.startswith(word))]
        if not found:
            raise WrongKey(f"'{word}' is no recovery word")
        bits = bits << 11 | found[0]
    entropy = (bits >> 8).to_bytes(32, 'big')
    if hashlib.sha256(entropy).digest()[0] != bits & 255:
        raise WrongKey('the recovery words do not fit together')
    return entropy


def slot_key(slot, password, entropy):
    """The key that seals the master in this slot; None when we have nothing for its type."""
    if slot.type == SLOT_PASSWORD and password is not None:
        if slot.kdf != 1:
            raise Unknown(f'a key slot with key derivation {slot.kdf}')
        stretched = sodium.crypto_pwhash_alg(
            32, password, slot.salt[:16], slot.passes, slot.mem_kib << 10,
            sodium.crypto_pwhash_ALG_ARGON2ID13)
        return derive_key('ub 0 slot password', stretched)
    if slot.type == SLOT_RECOVERY and entropy is not None:
        return derive_key('ub 0 slot recovery', entropy + slot.repo_id + slot.salt)
    return None


def open_master(keys_dir, repo_id, password, entropy):
    problems = []
    for name in sorted(os.listdir(keys_dir)):
        if not name.startswith('slot-'):
            continue
        try:
            slot = parse_slot(read_file(os.path.join(keys_dir, name), 512))
            need(slot.repo_id == repo_id, f'{name} belongs to another repository')
        except (Damaged, Unknown) as e:
            problems.append(str(e))
            continue
        key = slot_key(slot, password, entropy)
        master = key and unseal(key, slot.head, slot.sealed, name)
        if master:
            return master
    raise WrongKey('no key slot opens' + ''.join(f'; {p}' for p in problems))


class Keys:
    """Repository id, public keys of owner and admin, epochs and domains of the keyring."""

    def __init__(self, repo_id, owner=None, admin=None):
        self.repo_id, self.owner, self.admin = repo_id, owner, admin
        self.epochs, self.id_keys = {}, []

    @classmethod
    def open(cls, keys_dir, password, entropy):
        genesis = read_file(os.path.join(keys_dir, 'genesis'), 4096)
        r = Reader(genesis, 'the genesis record')
        r.head(b'UBGENES\0')
        r.bytes(32)                     # random
        admin, owner = r.bytes(32), r.bytes(32)
        r.bytes(4 * 3 + 2)              # chunk sizes, erasure code
        if r.u64():
            raise Unknown('the repository asks for features of a later format')
        r.fields(lambda tag: tag >= 128)
        r.end()
        keys = cls(blake3(genesis), owner, admin)
        master = open_master(keys_dir, keys.repo_id, password, entropy)
        keys.open_keyring(read_file(os.path.join(keys_dir, 'keyring'), 1 << 17), master)
        return keys

    def open_keyring(self, data, master):
        data = check_hash(data, 'the keyring file')
        r = Reader(data, 'the keyring file')
        r.head(b'UBKEYRG\0')
        need(r.bytes(32) == self.repo_id, 'the keyring belongs to another repository')
        r.u64()                         # generation
        head = data[:r.pos]
        plain = unseal(derive_key('ub 0 keyring seal', master), head, r.rest(), 'the keyring')
        need(plain, 'the keyring is not sealed under the master key')
        r = Reader(plain, 'the keyring')
        if r.u8() != 0:
            raise Unknown('the keyring is of a later format')
        r.u64()                         # generation
        for _ in range(r.varint()):
            self.add_epoch(r.u32(), r.bytes(32), r.bytes(32))
        for _ in range(r.varint()):
            r.u32()
            self.id_keys.append(r.bytes(32))
            r.bytes(32)                 # chunker key
        r.bytes(64)                     # cache secret, owner seed
        r.fields(lambda tag: tag >= 128)
        r.end()

    def add_epoch(self, number, wrap_key, box_secret):
        self.epochs[number] = (derive_key('ub 0 pack wrap', wrap_key), box_secret)

    def open_stanza(self, kind, flags, epoch, body, salt, commitment):
        if epoch not in self.epochs:
            return None
        seal_key, box_secret = self.epochs[epoch]
        bound = self.repo_id + salt + commitment + struct.pack('<BBI', kind, flags, epoch)
        if kind == 1:
            return unseal(seal_key, bound, body, 'a stanza')
        if kind == 2:
            try:
                plain = sodium.crypto_box_seal_open(
                    body, sodium.crypto_scalarmult_base(box_secret), box_secret)
            except CryptoError:
                return None
            return plain[:32] if plain[32:] == blake3(bound) else None
        return None

    def open_envelope(self, r):
        """Key and salt; ub-format-keys(5), "Envelopes"."""
        salt, commitment, key = r.bytes(32), r.bytes(32), None
        for _ in range(r.u8()):
            kind, flags, epoch, size = r.u8(), r.u8(), r.u32(), r.u16()
            body = r.bytes(size)
            key = key or self.open_stanza(kind, flags, epoch, body, salt, commitment)
        need(key, f'{r.what}: no stanza opens')
        need(derive_key('ub 0 key commitment', key + salt + self.repo_id) == commitment,
             f'{r.what}: the key does not match its commitment')
        return key, salt

    def object_id(self, kind, data):
        return blake3_keyed(self.id_keys[0], bytes([kind]) + data)

    def is_object_id(self, oid, kind, data):
        return any(blake3_keyed(k, bytes([kind]) + data) == oid for k in self.id_keys)


def part_key(key, number):
    return derive_key('ub 0 part key', key + struct.pack('<Q', number))


# -- packs: ub-format-pack(5) --------------------------------------------------------------------

PART_FRAME, PART_FOOTER, PART_TRAILER = 1, 3, 4
TRAILER = 64 + SEAL_OVERHEAD
HEADER_MOST = 48 + 4096
FRAME_MOST = 16 << 20
CODEC_NAMES = {0: 'raw', 1: 'zstd', 2: 'zstd-prefix'}
KIND_NAMES = {1: 'data', 2: 'meta', 3: 'index', 4: 'mixed'}
BLOB, LIST, TREE, COMMIT, NOTE = 1, 2, 3, 4, 5
TYPE_NAMES = {BLOB: 'blob', LIST: 'list', TREE: 'tree', COMMIT: 'commit', NOTE: 'note'}

Frame = namedtuple('Frame', 'off sealed_size codec raw_size objects')
Where = namedtuple('Where', 'pack off sealed_size place size type')


def decompress(data, raw_size):
    if zstandard:
        try:
            return zstandard.ZstdDecompressor().decompress(data, max_output_size=max(raw_size, 1))
        except zstandard.ZstdError as e:
            raise Damaged(f'cannot decompress: {e}')
    return subprocess.run(['zstd', '-dcq'], input=data, stdout=subprocess.PIPE, check=True).stdout


def decompress_over(base, data, raw_size):
    """What was compressed with another blob as prefix."""
    if zstandard:
        prefix = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        try:
            return zstandard.ZstdDecompressor(dict_data=prefix).decompress(
                data, max_output_size=max(raw_size, 1))
        except zstandard.ZstdError as e:
            raise Damaged(f'cannot decompress: {e}')
    with tempfile.NamedTemporaryFile() as f:
        f.write(base)
        f.flush()
        return subprocess.run(['zstd', '-dcq', '--long=27', '--patch-from', f.name], input=data,
                              stdout=subprocess.PIPE, check=True).stdout


class Pack:
    def __init__(self, path, keys):
        self.path, self.name = path, 'pack ' + os.path.basename(path)
        self.file = open(path, 'rb')
        self.size = os.fstat(self.file.fileno()).st_size
        raw = self.file.read(HEADER_MOST)
        r = Reader(raw, self.name)
        r.head(b'UBPACK\0\0')
        self.kind = r.u8()
        need(self.kind in KIND_NAMES and r.u8() == 0, f'{self.name} has a damaged header')
        self.header_size = r.u32()
        self.repo_id = r.bytes(32)
        need(self.repo_id == keys.repo_id, f'{self.name} belongs to another repository')
        self.key, self.salt = keys.open_envelope(r)
        need(r.pos == self.header_size, f'{self.name} has a damaged header')
        self.header_hash = blake3(raw[:self.header_size])

    def read_at(self, off, n):
        self.file.seek(off)
        data = self.file.read(n)
        need(len(data) == n, f'{self.name} is cut short')
        return data

    def open_part(self, off, size, part):
        ad = struct.pack('<B32s32sQBB', 0, self.repo_id, self.salt, off, self.kind, part)
        plain = unseal(part_key(self.key, off), ad, self.read_at(off, size), self.name)
        need(plain is not None, f'{self.name}: what is at {off} is not genuine')
        return plain

    def read_frame(self, off, sealed_size, read_base):
        r = Reader(self.open_part(off, sealed_size, PART_FRAME), f'{self.name}, frame at {off}')
        codec, raw_size = r.u8(), r.u32()
        need(raw_size <= FRAME_MOST, f'{r.what} is too large')
        if codec not in CODEC_NAMES:
            raise Unknown(f'{r.what} has codec {codec}')
        if codec == 2:
            data = decompress_over(read_base(r.bytes(32)), r.rest(), raw_size)
        else:
            data = r.rest() if codec == 0 else decompress(r.rest(), raw_size)
        need(len(data) == raw_size, f'{r.what}: sizes disagree')
        return data

    def frames(self):
        """Trailer, then footer: what is in the pack, checked against its size."""
        at = self.size - TRAILER
        need(at >= self.header_size, f'{self.name} is cut short')
        r = Reader(self.open_part(at, TRAILER, PART_TRAILER), f'{self.name}, trailer')
        version, flags, _ = r.u8(), r.u8(), r.bytes(2)
        if version != 0 or flags:
            raise Unknown(f'{r.what} is of a later format')
        nr_frames, footer_off, footer_size, nr_objects = r.u32(), r.u64(), r.u32(), r.u32()
        need(r.u64() == self.size and footer_off + footer_size == at and
             r.bytes(32) == self.header_hash, f'{r.what} does not fit the pack')
        need(footer_size <= (4 << 20) + SEAL_OVERHEAD, f'{r.what} does not fit the pack')

        r = Reader(self.open_part(footer_off, footer_size, PART_FOOTER), f'{self.name}, footer')
        version, flags = r.u8(), r.u8()
        if version != 0 or flags:
            raise Unknown(f'{r.what} is of a later format')
        need(r.bytes(32) == self.header_hash, f'{r.what} belongs to another header')
        frames, off = [], self.header_size
        for _ in range(r.varint()):
            sealed_size, codec, raw_size = r.varint(), r.u8(), r.varint()
            objects, place = [], 0
            for _ in range(r.varint()):
                kind, oid, size = r.u8(), r.bytes(32), r.varint()
                need(kind in TYPE_NAMES, f'{r.what} has an object of unknown type')
                objects.append((oid, Where(self, off, sealed_size, place, size, kind)))
                place += size
            need(objects and place == raw_size, f'{r.what}: a frame is not filled by its objects')
            frames.append(Frame(off, sealed_size, codec, raw_size, objects))
            off += sealed_size
        padding = r.u32()
        r.fields(lambda tag: tag >= 128)
        r.end()
        need(off + padding == footer_off and len(frames) == nr_frames and
             sum(len(f.objects) for f in frames) == nr_objects,
             f'{self.name}: footer and trailer disagree')
        return frames


class Store:
    """Every object of the packs in some folders, found by their footers."""

    CACHED = 16                         # opened frames

    def __init__(self, keys, verify=False):
        self.keys, self.verify = keys, verify
        self.where, self.cache, self.packs = {}, OrderedDict(), []

    def add_folder(self, folder):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            if re.fullmatch('[0-9a-f]{64}', name):
                try:
                    self.add_pack(os.path.join(folder, name))
                except (Damaged, Unknown) as e:     # what other packs hold can still be read
                    complain(e)

    def add_pack(self, path):
        pack = Pack(path, self.keys)
        frames = pack.frames()
        self.packs.append((pack, frames))
        for frame in frames:
            self.where.update(frame.objects)

    def read(self, oid, kind=None):
        need(oid in self.where, f'object {oid.hex()} is in no pack')
        w = self.where[oid]
        need(kind in (None, w.type), f'object {oid.hex()} is a {TYPE_NAMES[w.type]}')
        at = (w.pack.path, w.off)
        if at not in self.cache:
            self.cache[at] = w.pack.read_frame(w.off, w.sealed_size, self.read_base)
            if len(self.cache) > self.CACHED:
                self.cache.popitem(last=False)
        data = self.cache[at][w.place:w.place + w.size]
        need(len(data) == w.size, f'object {oid.hex()} is outside its frame')
        need(not self.verify or self.keys.is_object_id(oid, w.type, data),
             f'object {oid.hex()} has other bytes than its id says')
        return data


    def read_base(self, oid):
        """A blob that another one is coded against; it is not coded so itself."""
        need(oid in self.where, f'object {oid.hex()}, the base of another one, is in no pack')
        w = self.where[oid]

        def refuse(_):
            raise Damaged(f'object {oid.hex()}, a base, is coded against another one')
        return w.pack.read_frame(w.off, w.sealed_size, refuse)[w.place:w.place + w.size]


# -- objects: ub-format-object(5) ----------------------------------------------------------------

FILE, DIR, SYMLINK, FIFO, SOCKET, CHAR, BLOCK = 1, 2, 3, 4, 5, 6, 7
NO_CONTENT, IS_INLINE, IS_BLOB, IS_LIST, IS_TREE = 0, 1, 2, 3, 4
TYPE_BITS = {FILE: stat.S_IFREG, DIR: stat.S_IFDIR, SYMLINK: stat.S_IFLNK, FIFO: stat.S_IFIFO,
             SOCKET: stat.S_IFSOCK, CHAR: stat.S_IFCHR, BLOCK: stat.S_IFBLK}
ENTRY_NAMES = {FIFO: 'fifo', SOCKET: 'socket', CHAR: 'char', BLOCK: 'block'}
ATTR_MTIME, ATTR_TARGET = 1, 6

Entry = namedtuple('Entry', 'name type mode content size oid inline attrs')
Commit = namedtuple('Commit', 'tree parents time offset device host user message tags sources '
                    'counts incomplete')


def object_reader(data, what, flags_known=0):
    r = Reader(data, what)
    version, flags = r.u8(), r.u8()
    if version != 0 or flags & ~flags_known:
        raise Unknown(f'{what} has version {version}, flags {flags:#x}')
    return r, flags


def parse_commit(data):
    r, flags = object_reader(data, 'a commit', 2)
    tree = r.bytes(32)
    parents = [r.bytes(32) for _ in range(r.varint())]
    seconds, ns, offset = r.i64(), r.u32(), r.i32()
    device, host, user, message = (r.lenbytes(1 << 20) for _ in range(4))
    tags, sources = ([r.lenbytes(65535) for _ in range(r.varint())] for _ in range(2))
    counts = [r.varint() for _ in range(4)]         # files, directories, others, bytes
    for _ in range(r.varint()):                     # notes: kind, rows, id
        r.varint(), r.varint(), r.bytes(32)
    while not r.is_at_end():                        # extension fields, to the end
        tag = r.varint()
        r.lenbytes(1 << 20)
        if tag >= 128:
            raise Unknown(f'a commit has the critical field {tag}')
    return Commit(tree, parents, (seconds, ns), offset, device, host, user, message, tags, sources,
                  counts, bool(flags & 2))


def parse_attrs(data):
    attrs, r = {}, Reader(data, 'attributes')
    while not r.is_at_end():
        tag = r.varint()
        attrs[tag] = r.lenbytes(len(data))
        if tag >= 128:
            raise Unknown(f'attribute {tag} is not known and critical')
    return attrs


def parse_entry(r):
    name, kind, mode, content = r.lenbytes(4096), r.u8(), r.varint(), r.u8()
    need(name not in (b'', b'.', b'..') and b'/' not in name and b'\0' not in name,
         'a tree has an impossible name')
    need(kind in TYPE_BITS and mode <= 0o7777 and content <= IS_TREE, 'a tree is malformed')
    size = r.varint() if kind in (FILE, SYMLINK) else 0
    inline = r.bytes(size) if content == IS_INLINE else b''
    oid = r.bytes(32) if content in (IS_BLOB, IS_LIST, IS_TREE) else None
    return Entry(name, kind, mode, content, size, oid, inline, parse_attrs(r.lenbytes(12000)))


def tree_entries(store, oid):
    """The entries of a directory, in order, whatever number of pieces it is cut into."""
    r, _ = object_reader(store.read(oid, TREE), f'tree {oid.hex()}')
    level, nr = r.u8(), r.varint()
    for _ in range(nr):
        if level == 0:
            yield parse_entry(r)
        else:
            r.lenbytes(4096), r.lenbytes(4096), r.varint()      # first name, last name, entries
            yield from tree_entries(store, r.bytes(32))
    r.end()


def list_content(store, oid):
    r, _ = object_reader(store.read(oid, LIST), f'list {oid.hex()}')
    for _ in range(r.varint()):
        kind, size = r.u8(), r.varint()
        if kind == 1:
            yield store.read(r.bytes(32), BLOB)
        elif kind == 2:                 # a run of zeros
            for done in range(0, size, 1 << 20):
                yield bytes(min(1 << 20, size - done))
        elif kind == 3:
            yield from list_content(store, r.bytes(32))
        else:
            raise Damaged(f'{r.what} has an entry of unknown kind')
    r.end()


def file_content(store, entry):
    if entry.content == IS_INLINE:
        yield entry.inline
    elif entry.content == IS_BLOB:
        yield store.read(entry.oid, BLOB)
    elif entry.content == IS_LIST:
        yield from list_content(store, entry.oid)


def root_entry(oid):
    return Entry(b'', DIR, 0o755, IS_TREE, 0, oid, b'', {})


def find_path(store, entry, path):
    for name in path.split(b'/'):
        if name:
            found = entry.type == DIR and [e for e in tree_entries(store, entry.oid)
                                           if e.name == name]
            if not found:
                raise KeyError(f"there is no '{os.fsdecode(path)}'")
            entry = found[0]
    return entry


def walk(store, entry, prefix=b''):
    """All below a directory but directories, as paths."""
    for e in tree_entries(store, entry.oid):
        if e.type == DIR:
            yield from walk(store, e, prefix + e.name + b'/')
        else:
            yield prefix + e.name, e


def extract(store, entry, target, problems):
    """What is damaged is left out and noted; the rest is still wanted."""
    try:
        extract_one(store, entry, target, problems)
    except (Damaged, Unknown) as e:
        problems.append((6, f"'{os.fsdecode(target)}': {e}"))
        if entry.type == FILE and os.path.lexists(target):
            os.unlink(target)           # half a file looks like a whole one


def extract_one(store, entry, target, problems):
    if entry.type == DIR:
        os.mkdir(target, 0o700)
        for e in tree_entries(store, entry.oid):
            extract(store, e, os.path.join(target, e.name), problems)
    elif entry.type == FILE:
        with open(target, 'xb') as f:
            for piece in file_content(store, entry):
                f.write(piece)
            need(f.tell() == entry.size, f"'{os.fsdecode(target)}' has another size than its tree")
    elif entry.type == SYMLINK:
        os.symlink(entry.attrs[ATTR_TARGET], target)
    elif entry.type == FIFO:
        os.mkfifo(target)
    else:                               # sockets mean nothing; devices want root
        problems.append((3, f"'{os.fsdecode(target)}' is left out: a {ENTRY_NAMES[entry.type]}"))
        return
    if entry.type != SYMLINK:
        os.chmod(target, entry.mode)
    if ATTR_MTIME in entry.attrs:
        seconds, ns = struct.unpack('<qI', entry.attrs[ATTR_MTIME])
        os.utime(target, ns=(seconds * 10**9 + ns,) * 2, follow_symlinks=False)


# -- logs and refs: ub-format-record(5) ----------------------------------------------------------

ADVANCE, JOIN = 1, 9
Record = namedtuple('Record', 'kind device seq prev auth sealed hash')
Ref = namedtuple('Ref', 'device name commit time')


def is_signed(public, signature, message):
    try:
        sodium.crypto_sign_open(signature + message, public)
        return True
    except CryptoError:
        return False


def parse_record(data, keys, what):
    r = Reader(data, what)
    r.head(b'UBRECRD\0', 1)
    kind = r.u8()
    need(r.bytes(32) == keys.repo_id, f'{what} belongs to another repository')
    device, seq, prev, sealed_hash = r.bytes(32), r.u64(), r.bytes(32), r.bytes(32)
    form, nr = r.u8(), r.varint()
    r.bytes(32 * (1 if form else nr))               # the list, or the hash of its file
    r.bytes((32 + 8 + 32) * r.varint())             # marks
    r.fields(lambda tag: tag >= 128)
    public = data[:r.pos]
    auth = r.u8()
    auth_signature = r.bytes(64) if auth else None
    signed = data[:r.pos]
    need(is_signed(device, r.bytes(64), b'ub record\0' + signed),
         f"{what}: the device's signature is not genuine")
    if auth:
        need(auth in (1, 2) and is_signed(keys.owner if auth == 1 else keys.admin, auth_signature,
                                          b'ub record auth\0' + public),
             f"{what}: the owner's or admin's signature is not genuine")
    need(blake3(data[r.pos:]) == sealed_hash, f'{what}: the sealed part is not the signed one')
    r = Reader(r.lenbytes(len(data)), what)
    key, salt = keys.open_envelope(r)
    sealed = unseal(part_key(key, 0), b'ub record sealed' + keys.repo_id + salt, r.rest(), what)
    need(sealed is not None, f'{what}: the sealed part is not genuine')
    return Record(kind, device, seq, prev, auth, sealed, blake3(data))


def read_log(folder, keys):
    """The records of one device, from 0: a chain, begun by a join that the owner vouches for.
    And what is wrong with the first that is not good; those before it stand on their own."""
    names = {}
    for sub, _, files in os.walk(folder):
        for name in files:
            m = re.fullmatch('([0-9]{10,})-([0-9a-f]{16})', name)
            if m:
                names.setdefault(int(m[1]), []).append((os.path.join(sub, name), m[2]))
    records, prev = [], bytes(32)
    try:
        for seq in range(max(names, default=-1) + 1):
            need(len(names.get(seq, ())) == 1,
                 f'{folder}: record {seq} is missing, or there are two')
            path, tail = names[seq][0]
            record = parse_record(read_file(path, 1 << 20), keys, f'record {path}')
            need(record.seq == seq and record.prev == prev and
                 record.hash.hex().startswith(tail) and
                 blake3(record.device)[:16].hex() == os.path.basename(folder),
                 f'{path} does not belong here')
            need((record.kind == JOIN) == (seq == 0) and (seq > 0 or record.auth != 0),
                 f'{path}: the log does not begin with an authorised join')
            records.append(record)
            prev = record.hash
    except (Damaged, Unknown) as e:
        return records, e
    return records, None


def log_refs(records):
    """What each ref of a log is now; refs whose commit is zero were deleted."""
    refs, device = {}, ''
    for record in records:
        r = Reader(record.sealed, 'the sealed part of a record')
        if record.kind == JOIN:
            device = r.lenbytes(255).decode()
        elif record.kind == ADVANCE:
            name, commit = r.lenbytes(255).decode(), r.bytes(32)
            r.lenbytes(4096)                        # tag
            refs[name] = Ref(device, name, commit, (r.i64(), r.u32()))
            r.end()
    return [ref for ref in refs.values() if any(ref.commit)]


# -- commands ------------------------------------------------------------------------------------

class Repository:
    def __init__(self, args):
        word_list = args.word_list and read_file(args.word_list, 1 << 20).decode().split()
        password = entropy = None
        if args.words:
            entropy = words_to_entropy(read_file(args.words, 4096).decode(), word_list)
        elif args.password_file:
            password = read_file(args.password_file, 4096)
            password = password[:-1] if password.endswith(b'\n') else password
            password = password[:-1] if password.endswith(b'\r') else password
        else:
            password = getpass.getpass().encode()
        self.dir = args.repo
        self.keys = Keys.open(os.path.join(self.dir, 'keys'), password, entropy)
        self.store = Store(self.keys, args.verify)
        folders = [self.dir, args.data, args.meta] + self.configured()
        for folder in OrderedDict.fromkeys(os.path.realpath(f) for f in folders if f):
            for kind in 'data', 'meta':
                self.store.add_folder(os.path.join(folder, 'packs', kind))

    def configured(self):
        """store.data and store.meta: the folders that packs were told to go to."""
        path = os.path.join(self.dir, 'config')
        text = open(path, encoding='utf-8').read() if os.path.exists(path) else ''
        return re.findall(r'(?m)^\s*(?:data|meta)\s*=\s*"?([^"\n]+?)"?\s*$', text)

    def refs(self):
        folder, refs, self.log_problems = os.path.join(self.dir, 'refs'), [], []
        for name in sorted(os.listdir(folder)):
            if re.fullmatch('[0-9a-f]{32}', name):
                records, problem = read_log(os.path.join(folder, name), self.keys)
                refs += log_refs(records)
                if problem:
                    self.log_problems.append(problem)
                    complain(f'{problem}; older records are used')
        return sorted(refs, key=lambda ref: ref.time, reverse=True)

    def commit(self, rev):
        if re.fullmatch('[0-9a-f]{64}', rev):
            return bytes.fromhex(rev)
        for ref in self.refs():         # newest first
            if rev in (ref.name, f'{ref.device}/{ref.name}', 'tags/' + ref.name) or (
                    rev == 'HEAD' and ref.name == 'main'):
                return ref.commit
        raise KeyError(f"there is no ref '{rev}'")

    def place(self, spec):
        """REV[:PATH] as an entry."""
        rev, _, path = spec.partition(':')
        oid = self.commit(rev or 'HEAD')
        kind = self.store.where[oid].type if oid in self.store.where else COMMIT
        tree = oid if kind == TREE else parse_commit(self.store.read(oid, COMMIT)).tree
        return find_path(self.store, root_entry(tree), os.fsencode(path))


ESCAPES = {7: 'a', 8: 'b', 9: 't', 10: 'n', 11: 'v', 12: 'f', 13: 'r', 34: '"', 92: '\\'}


def quote(name):
    """As git quotes odd names."""
    if all(32 <= c < 127 and c not in ESCAPES for c in name):
        return name
    text = ''.join('\\' + ESCAPES[c] if c in ESCAPES else
                   chr(c) if 32 <= c < 127 else f'\\{c:03o}' for c in name)
    return f'"{text}"'.encode()


def entry_line(repo, path, e, is_z):
    """MODE TYPE OID SIZE<TAB>NAME; content that has no blob of its own has the id it would have."""
    kind, oid, size = ENTRY_NAMES.get(e.type, 'blob'), e.oid, str(e.size)
    if e.type in ENTRY_NAMES:
        size = '-'
    elif e.type == SYMLINK:
        oid = repo.keys.object_id(BLOB, e.attrs[ATTR_TARGET])
    elif e.content == IS_LIST:
        kind = 'list'
    elif oid is None:
        oid = repo.keys.object_id(BLOB, e.inline)
    line = f'{TYPE_BITS[e.type] | e.mode:06o} {kind} {oid.hex() if oid else "-"} {size}\t'
    return line.encode() + (path + b'\0' if is_z else quote(path) + b'\n')


def text(data):
    return data.decode(errors='backslashreplace')


def run(args, out):
    repo = Repository(args)
    if args.command == 'refs':
        for ref in repo.refs():
            print(ref.commit.hex(), f'{ref.device}/{ref.name}')
        return 6 if repo.log_problems else 0
    elif args.command == 'show':
        oid = repo.commit(args.rest[0] if args.rest else 'HEAD')
        c = parse_commit(repo.store.read(oid, COMMIT))
        print('commit', oid.hex())
        print('tree', c.tree.hex())
        for parent in c.parents:
            print('parent', parent.hex())
        print(f'time {c.time[0]}.{c.time[1]:09d} offset {c.offset}')
        print('device', text(c.device), 'host', text(c.host), 'user', text(c.user))
        print('files {} directories {} others {} bytes {}'.format(*c.counts))
        print('incomplete' if c.incomplete else 'complete')
        print('\n' + text(c.message))
    elif args.command == 'ls':
        entry = repo.place(args.rest[0] if args.rest else 'HEAD')
        for path, e in walk(repo.store, entry) if entry.type == DIR else [(entry.name, entry)]:
            out.write(entry_line(repo, path, e, args.z))
    elif args.command == 'cat':
        entry = repo.place(args.rest[0])
        if entry.type != FILE:
            raise KeyError(f"'{args.rest[0]}' is not a file")
        for piece in file_content(repo.store, entry):
            out.write(piece)
    elif args.command == 'extract':
        problems = []
        extract(repo.store, repo.place(args.rest[0]), os.fsencode(args.rest[1]), problems)
        for _, problem in problems:
            complain(problem)
        return max((status for status, _ in problems), default=0)
    elif args.command == 'object':
        out.write(repo.store.read(bytes.fromhex(args.rest[0])))
    elif args.command == 'packs':
        for pack, frames in repo.store.packs:
            print_pack(pack, frames)
    return 0


def print_pack(pack, frames):
    print(os.path.basename(pack.path), KIND_NAMES[pack.kind], pack.size)
    for f in frames:
        print(f'\tframe {f.off} {f.sealed_size} {CODEC_NAMES.get(f.codec, f.codec)} {f.raw_size}')
        for oid, w in f.objects:
            print(f'\t\t{oid.hex()} {TYPE_NAMES[w.type]} {w.place} {w.size}')


WORD_LIST = '/usr/lib/python3/dist-packages/mnemonic/wordlist/english.txt'
COMMANDS = {'refs': (0, 0), 'show': (0, 1), 'ls': (0, 1), 'cat': (1, 1), 'extract': (2, 2),
            'object': (1, 1), 'packs': (0, 0)}


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('-p', '--password-file', metavar='FILE', help='else it is asked for')
    p.add_argument('--words', metavar='FILE', help='24 recovery words, instead of a password')
    p.add_argument('--word-list', metavar='FILE', default=WORD_LIST,
                   help="BIP39's 2048 English words, one a line (with --words)")
    p.add_argument('--data', metavar='DIR', help='where data packs are, if the config is wrong')
    p.add_argument('--meta', metavar='DIR', help='the same for meta packs')
    p.add_argument('--verify', action='store_true', help='hash every object that is read (slow)')
    p.add_argument('-z', action='store_true', help='ls: names end in NUL, unquoted')
    p.add_argument('repo', metavar='REPO')
    p.add_argument('command', choices=COMMANDS)
    p.add_argument('rest', nargs='*', metavar='ARG')
    args = p.parse_intermixed_args()
    least, most = COMMANDS[args.command]
    if not least <= len(args.rest) <= most:
        p.error(f'{args.command}: wrong number of arguments')
    if not args.words:
        args.word_list = None
    try:
        status = run(args, sys.stdout.buffer)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return 1
    except Damaged as e:
        message, status = e, 6
    except WrongKey as e:
        message, status = e, 12
    except Unknown as e:
        message, status = e, 14
    except KeyError as e:
        message, status = e.args[0], 1
    except (OSError, ValueError, subprocess.CalledProcessError) as e:
        message, status = e, 1
    complain(message)
    return status


if __name__ == '__main__':
    sys.exit(main())
