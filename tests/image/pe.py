"""PE files and Unified Kernel Images made from nothing, and what they measure
as: the rules written a second time, in another language, for the tests.

usage: pe.py FOLDER    (writes the seeds of the fuzz target)
"""
import hashlib
import os
import struct
import sys

ROOT = "7" * 64
CMDLINE = f"console=ttyS0 quiet roothash={ROOT}".encode()
OSREL = b'ID=debian\nIMAGE_ID=aicert\nIMAGE_VERSION="1.2"\n'


def sha256(data):
    return hashlib.sha256(data).digest()


def magic(version):
    return f"#### LoaderInfo: systemd-stub {version} ####\0".encode()


class PE:
    """every field can be set before bytes() writes it out"""

    def __init__(self, sections, directories=16, tail=b""):
        self.sections = []       # [name, vsize, rva, rawlen, offset, data,
                                 # where the data really is]
        self.directories = directories
        self.tail = tail
        self.signature = b""
        self.mark, self.pe_mark = b"MZ", b"PE\0\0"
        self.machine, self.opt_magic = 0x8664, 0x20b
        self.pe_at = 0x80
        self.checksum = self.time = 0
        self.stated = {}         # other values than the right ones
        rva, offset = 0x1000, 0x400
        for name, data in sections:
            raw = data + b"\0" * (-len(data) % 0x200)
            self.sections.append([name.encode(), len(data), rva, len(raw),
                                  offset, raw, offset])
            rva += (len(data) + 0xfff) // 0x1000 * 0x1000
            offset += len(raw)

    def section(self, name):
        return next(s for s in self.sections if s[0] == name.encode())

    def bytes(self):
        end = max([0x400] + [s[6] + len(s[5]) for s in self.sections
                             if s[5]])
        body = bytearray(max(end, 0x400))
        for s in self.sections:
            body[s[6]:s[6] + len(s[5])] = s[5]
        body += self.tail
        cert = (0, 0)
        if self.signature:
            body += b"\0" * (-len(body) % 8)
            cert = (len(body), len(self.signature))
            body += self.signature
        cert = self.stated.get("cert", cert)
        directories = b"".join(
            struct.pack("<II", *(cert if i == 4 else (0, 0)))
            for i in range(self.directories))
        optional = struct.pack("<H", self.opt_magic) + bytes(58) + struct.pack(
            "<II", self.stated.get("headers", 0x400), self.checksum)
        optional += bytes(108 - len(optional)) + struct.pack(
            "<I", self.stated.get("directories", self.directories))
        optional += directories
        head = self.mark + bytes(58) + struct.pack(
            "<I", self.stated.get("pe_at", self.pe_at))
        head += bytes(self.pe_at - len(head)) + self.pe_mark
        head += struct.pack("<HHIIIHH", self.machine, self.stated.get(
            "nsections", len(self.sections)), self.time, 0, 0,
            self.stated.get("optional", len(optional)), 0x22e)
        head += optional
        for name, vsize, rva, rawlen, offset, _, _ in self.sections:
            head += name.ljust(8, b"\0")[:8] + struct.pack(
                "<IIII", vsize, rva, rawlen, offset) + bytes(16)
        return bytes(head) + bytes(body[len(head):])


def kernel():
    return PE([(".text", b"the kernel " * 90), (".data", b"of it")],
              directories=6, tail=b"tail").bytes()


def uki(version="252.39-1~deb12u2", without=(), extra=(), cmdline=CMDLINE,
        osrel=OSREL, initrd=b"initrd " * 100, linux=None):
    sections = [(".text", b"stub" * 200), (".sbat", b"sbat,1\n"),
                (".sdmagic", magic(version)), (".osrel", osrel),
                (".cmdline", cmdline), (".initrd", initrd),
                (".linux", kernel() if linux is None else linux)]
    return PE([s for s in sections if s[0] not in without] + list(extra))


def authenticode(data):
    """by the offsets of the specification, from the bytes"""
    at = struct.unpack_from("<I", data, 60)[0]
    n, = struct.unpack_from("<H", data, at + 6)
    optlen, = struct.unpack_from("<H", data, at + 20)
    opt = at + 24
    headers, = struct.unpack_from("<I", data, opt + 60)
    dirs, = struct.unpack_from("<I", data, opt + 108)
    kept, cert = data[:opt + 64] + data[opt + 68:headers], 0
    if dirs > 4:
        entry = opt + 112 + 32
        cert = struct.unpack_from("<I", data, entry + 4)[0]
        kept = data[:opt + 64] + data[opt + 68:entry] + data[entry + 8:headers]
    total = headers
    table = [struct.unpack_from("<8sIIII", data, opt + optlen + 40 * i)
             for i in range(n)]
    for _, _, _, rawlen, offset in sorted(table, key=lambda s: s[4]):
        kept += data[offset:offset + rawlen]
        total += rawlen
    return sha256(kept + data[total:len(data) - cert])


def content(data):
    """the sections as they are in memory"""
    at = struct.unpack_from("<I", data, 60)[0]
    n, = struct.unpack_from("<H", data, at + 6)
    optlen, = struct.unpack_from("<H", data, at + 20)
    out = {}
    for i in range(n):
        name, vsize, _, _, offset = struct.unpack_from(
            "<8sIIII", data, at + 24 + optlen + 40 * i)
        out[name.rstrip(b"\0").decode()] = data[offset:offset + vsize]
    return out


MEASURED = {
    252: ".linux .osrel .cmdline .initrd .splash .dtb .pcrpkey",
    254: ".linux .osrel .cmdline .initrd .splash .dtb .uname .sbat .pcrpkey",
    257: ".linux .osrel .cmdline .initrd .ucode .splash .dtb .uname .sbat "
         ".pcrpkey",
}


def predict(data, secure_boot=False):
    """{"4": hex, "9": hex, "11": hex} of a boot"""
    def pcr(digests):
        value = bytes(32)
        for d in digests:
            value = sha256(value + d)
        return value.hex()

    sections = content(data)
    stub = int(sections[".sdmagic"].split(b"systemd-stub ")[1][:3])
    four = [sha256(b"Calling EFI Application from Boot Option"),
            sha256(bytes(4)), authenticode(data)]
    if not secure_boot:
        four.append(authenticode(sections[".linux"]))
    eleven = []
    for name in MEASURED[stub].split():
        if name in sections:
            eleven += [sha256(name.encode() + b"\0"), sha256(sections[name])]
    out = {"4": pcr(four), "11": pcr(eleven)}
    if stub != 257 and not {".pcrsig", ".pcrpkey"} & set(sections):
        wide = (sections[".cmdline"].decode() + "\0").encode("utf-16le")
        out["9"] = pcr([sha256(wide), sha256(sections[".initrd"])])
    return out


def hostile():
    """(what is wrong, bytes, what the message says)"""
    def change(what, says, edit, **kw):
        u = uki(**kw)
        edit(u)
        return what, u.bytes(), says

    def stated(name, value):
        return lambda u: u.stated.update({name: value})

    def field(section, index, value):
        def edit(u):
            s = u.section(section)
            s[index] = value(s[index]) if callable(value) else value
        return edit

    good = uki().bytes()
    yield "empty", b"", "no DOS header"
    yield "DOS header cut off", good[:63], "no DOS header"
    yield "PE header cut off", good[:0x90], "no whole PE header"
    yield "optional header cut off", good[:0xa0], "optional header"
    yield "half", good[:len(good) // 2], "at"
    yield "last byte missing", good[:-1], "section .linux"
    yield change("no MZ", "no DOS header", lambda u: setattr(
        u, "mark", b"ZM"))
    yield change("no PE", "no whole PE header", lambda u: setattr(
        u, "pe_mark", b"NE\0\0"))
    yield change("PE header beyond the end", "no whole PE header",
                 stated("pe_at", 0xfffffff8))
    yield change("PE header in the DOS header", "no whole PE header",
                 stated("pe_at", 8))
    yield change("PE header not aligned", "no whole PE header",
                 stated("pe_at", 0x81))
    yield change("for ARM", "machine 0xaa64", lambda u: setattr(
        u, "machine", 0xaa64))
    yield change("PE32", "not that of PE32+", lambda u: setattr(
        u, "opt_magic", 0x10b))
    yield change("97 sections", "97 sections", stated("nsections", 97))
    yield change("more sections than there are", "tables end",
                 stated("nsections", 17))
    yield change("17 directories", "data directories",
                 stated("directories", 17))
    yield change("directories beyond the header", "data directories",
                 stated("directories", 15))
    yield change("optional header too long", "data directories",
                 stated("optional", 248))
    yield change("headers shorter than their tables", "tables end",
                 stated("headers", 0x100))
    yield change("headers longer than the file", "tables end",
                 stated("headers", 0x7fffffff))
    yield change("name with a control character", "not plain text",
                 field(".text", 0, b".te\x1bxt"))
    yield change("name that goes on after its NUL", "not plain text",
                 field(".text", 0, b".te\0xt"))
    yield change("section in the headers", "section .text",
                 field(".text", 4, 0x200))
    yield change("section beyond the end", "section .text",
                 field(".text", 4, 0x7fffff00))
    yield change("section that wraps around", "section .text",
                 field(".text", 3, 0xffffff00))
    yield change("overlap in the file", "overlap in the file",
                 field(".sbat", 4, 0x400))
    yield change("overlap by one byte", "overlap in the file",
                 field(".text", 3, lambda n: n + 1))
    yield change("overlap in memory", "overlap in memory",
                 field(".sbat", 2, 0x1000))
    yield change("overlap in memory, wrapped", "overlap in memory",
                 field(".text", 1, 0xfffff000))
    yield change("section larger than the file has", "has",
                 field(".linux", 1, lambda n: n + 0x1000))
    yield change("empty command line", ".cmdline",
                 field(".cmdline", 1, 0))
    yield change("signature beyond the end", "signature",
                 stated("cert", (0x400, 0x7fffffff)))
    yield change("signature not at the end", "signature",
                 stated("cert", (0x400, 8)))
    yield change("signature over sections", "into the signature",
                 lambda u: u.stated.update(
                     cert=(0x408, len(good) - 0x408)))
    yield change("signature of no bytes", "signature",
                 stated("cert", (len(good), 0)))
    for name in ".linux .osrel .cmdline .initrd".split():
        yield (f"no {name}", uki(without=[name]).bytes(),
               f"section {name} is missing")
    yield "no stub", uki(without=[".sdmagic"]).bytes(), "no UKI"
    for name in ".cmdline .sdmagic .sbat".split():
        yield (f"{name} twice", uki(extra=[(name, b"x")]).bytes(),
               f"{name} stands there twice")
    for name in ".profile .dtbauto .hwids .efifw".split():
        yield (f"with {name}", uki(extra=[(name, b"x")]).bytes(),
               f"section {name}")
    for version in "249.11 251 253.5 255 256.7-1 258~rc1 999".split():
        yield (f"stub {version}", uki(version).bytes(),
               f'systemd-stub "{version}"')
    yield "stub of no version", uki("").bytes(), "no UKI"
    yield "stub of words", uki("new").bytes(), "no UKI"
    yield "stub of 0252", uki("0252").bytes(), "no UKI"
    yield "stub of 2520", uki("2520").bytes(), 'systemd-stub "2520"'
    yield "stub with an escape", uki("252\x1b[2J").bytes(), "no UKI"
    yield "kernel that is no PE", uki(linux=b"bzImage").bytes(), \
        "the kernel in .linux"
    yield "kernel cut off", uki(linux=kernel()[:-1000]).bytes(), \
        "the kernel in .linux"


def seeds(folder):
    """the right ones, and one of each kind of wrong"""
    os.makedirs(folder, exist_ok=True)
    signed = uki("254.26-1")
    signed.signature = b"signature" * 8
    right = [(f"stub{v}", uki(f"{v}.1").bytes()) for v in (252, 254, 257)]
    right.append(("signed", signed.bytes()))
    for name, data in right + [(w.replace(" ", "-"), d)
                               for w, d, _ in hostile()]:
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    seeds(sys.argv[1])
