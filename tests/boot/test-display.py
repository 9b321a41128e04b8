#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-display.py BUILDDIR: what the user sees and types, through firmware: a boot sector that echoes keys to screen
and serial port, driven by QMP and by a VNC client; screenshots (TAP)."""
import os
import socket
import struct
import sys
import tempfile
import time
import zlib

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
# mov al,'>'; mov dx,3f8h; out dx,al
# again: xor ax,ax; int 16h; mov ah,0eh; mov bx,7; int 10h; mov dx,3f8h; out dx,al; jmp again
ECHO = bytes.fromhex("b03e baf803 ee 31c0 cd16 b40e bb0700 cd10 baf803 ee ebef")
# mov ax,13h; int 10h; mov ax,0a000h; mov es,ax; xor di,di; l: mov ax,di; stosb; cmp di,64000; jne l;
# mov dx,3f8h; mov al,'!'; out dx,al; hlt
COLORS = bytes.fromhex("b81300 cd10 b800a0 8ec0 31ff 89f8 aa 81ff00fa 75f7 baf803 b021 ee f4 ebfd")
BLACK = b"\0\0\0"


def sector(code):
    return code + bytes(510 - len(code)) + b"\x55\xaa"


class Session(guest.Machine):
    """A machine that boots one sector through firmware; its serial port is the console."""

    def __init__(self, code, *options):
        self.directory = tempfile.TemporaryDirectory()
        disk = os.path.join(self.directory.name, "disk")
        with open(disk, "wb") as f:
            f.write(sector(code) + bytes(1 << 20))
        self.qmp_path = os.path.join(self.directory.name, "qmp")
        super().__init__(BUILD, "-vga", "std", "-drive", f"file={disk},format=raw,if=virtio",
                         "-qmp", f"unix:{self.qmp_path},server=on,wait=off", *options, kernel=False)
        self.qmp = None

    def __exit__(self, *what):
        super().__exit__(*what)
        self.directory.cleanup()

    def run(self, command, **arguments):
        self.qmp = self.qmp or guest.Qmp(self.qmp_path)
        return self.qmp.reply(command, **arguments)

    def shoot(self, form):
        path = os.path.join(self.directory.name, "shot")
        reply = self.run("screendump", filename=path, format=form)
        assert "return" in reply, reply
        with open(path, "rb") as f:
            return f.read()

    def type_keys(self, text):
        for key in text:
            reply = self.run("send-key", **{"keys": [{"type": "qcode", "data": key}], "hold-time": 20})
            assert "return" in reply, reply

    def wait_booted(self):
        """Until the sector runs: keys before the firmware has set up the keyboard may make it give that up."""
        self.wait_for(">")


def connect(where):
    deadline = time.monotonic() + guest.TIMEOUT
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(where)
            s.settimeout(guest.TIMEOUT)
            return s
        except OSError:
            s.close()
            assert time.monotonic() < deadline, f"nobody listens at {where}"
            time.sleep(0.02)


def ppm(data):
    magic, size, _, pixels = data.split(b"\n", 3)
    width, height = map(int, size.split())
    assert magic == b"P6" and len(pixels) == width * height * 3
    return width, height, pixels


def png(data):
    """Width, height, RGB of an 8-bit truecolour PNG."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, size = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0]
        if kind == b"IHDR":
            size = struct.unpack(">IIBB", body[:10])
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, color = size
    assert (depth, color) == (8, 2)
    raw, rows, before = zlib.decompress(packed), [], bytes(width * 3)
    for y in range(height):
        kind, line = raw[y * (width * 3 + 1)], bytearray(raw[y * (width * 3 + 1) + 1:(y + 1) * (width * 3 + 1)])
        for x in range(width * 3):
            left = line[x - 3] if x >= 3 else 0
            corner = before[x - 3] if x >= 3 else 0
            if kind == 4:
                p = left + before[x] - corner
                guess = min((abs(p - left), 0, left), (abs(p - before[x]), 1, before[x]), (abs(p - corner), 2, corner))[2]
            else:
                guess = (0, left, before[x], (left + before[x]) // 2)[kind]
            line[x] = (line[x] + guess) & 0xff
        rows.append(bytes(line))
        before = line
    return width, height, b"".join(rows)


class Vnc:
    """A client of RFC 6143 that asks for raw pixels."""

    def __init__(self, path):
        self.s = connect(path)
        assert self.take(12)[:4] == b"RFB "
        self.s.sendall(b"RFB 003.008\n")
        self.types = self.take(self.take(1)[0])

    def take(self, n):
        data = b""
        while len(data) < n:
            part = self.s.recv(n - len(data))
            assert part, "the VNC server closed the connection"
            data += part
        return data

    def enter(self):
        assert 1 in self.types, f"security types {self.types}"
        self.s.sendall(b"\x01")
        assert self.take(4) == bytes(4)
        self.s.sendall(b"\x01")
        self.width, self.height = struct.unpack(">HH", self.take(4))
        self.take(16)
        self.take(struct.unpack(">I", self.take(4))[0])
        # 32 bits, little-endian, true colour, red at 16
        self.s.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        self.s.sendall(struct.pack(">BxHi", 2, 1, 0))

    def picture(self):
        self.s.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        out = bytearray(self.width * self.height * 3)
        kind, count = struct.unpack(">BxH", self.take(4))
        assert kind == 0
        for _ in range(count):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self.take(12))
            assert encoding == 0
            pixels = self.take(w * h * 4)
            for row in range(h):
                line = pixels[row * w * 4:(row + 1) * w * 4]
                at = ((y + row) * self.width + x) * 3
                out[at:at + w * 3:3] = line[2::4]
                out[at + 1:at + w * 3:3] = line[1::4]
                out[at + 2:at + w * 3:3] = line[0::4]
        return bytes(out)

    def key(self, keysym):
        for down in (1, 0):
            self.s.sendall(struct.pack(">BBxxI", 4, down, keysym))


def typed():
    with Session(ECHO) as m:
        m.wait_booted()
        before = ppm(m.shoot("ppm"))
        m.type_keys("ferry")
        m.wait_for("ferry")
        after = ppm(m.shoot("ppm"))
        assert after[:2] == (720, 400), after[:2]
        assert before[2] != after[2], "what was typed is not on the screen"
        m.run("send-key", keys=[{"type": "qcode", "data": "shift"}, {"type": "qcode", "data": "a"}])
        m.wait_for("A")


def screenshots():
    with Session(COLORS) as m:
        m.wait_for("!")
        width, height, pixels = ppm(m.shoot("ppm"))
        assert (width, height) == (640, 400)
        assert png(m.shoot("png")) == (width, height, pixels), "PNG and PPM differ"
        rows = [pixels[y * width * 3:(y + 1) * width * 3] for y in range(height)]
        assert all(rows[2 * y] == rows[2 * y + 1] for y in range(200))
        dot = [rows[2 * (i // 320)][i % 320 * 6:i % 320 * 6 + 3] for i in range(64000)]
        assert all(dot[i] == dot[i & 255] for i in range(64000)), "colours are not by number"
        assert len(set(dot[:256])) > 180
        assert "error" in m.run("screendump", filename="/nonexistent/x", format="png")


def vnc():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "vnc")
        with Session(ECHO, "-vnc", f"unix:{path}") as m:
            m.wait_booted()
            client = Vnc(path)
            client.enter()
            for c in "vnc":
                client.key(ord(c))
            m.wait_for("vnc")
            while True: # the cursor blinks between the two
                assert time.monotonic() < m.deadline, "VNC and screenshot differ"
                seen, shot = client.picture(), ppm(m.shoot("ppm"))
                if (client.width, client.height) != shot[:2]:
                    client = Vnc(path)
                    client.enter()
                elif seen == shot[2]:
                    break
            info = m.run("query-vnc")["return"]
            assert info["enabled"] and info["family"] == "unix" and len(info["clients"]) >= 1, info
            idle = Vnc(path) # never reads: nobody waits for it
            m.type_keys("q")
            m.wait_for("q")
            idle.s.close()


def passwords():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "vnc")
        with Session(ECHO, "-vnc", f"unix:{path},password=on") as m:
            for set_one in (False, True):
                if set_one:
                    assert "return" in m.run("change-vnc-password", password="secret")
                client = Vnc(path)
                assert client.types == b"\x02", f"security types {client.types}"
                client.s.sendall(b"\x02")
                client.take(16)
                client.s.sendall(bytes(16))
                assert client.take(4) != bytes(4), "a wrong password was right"
                client.s.close()


if __name__ == "__main__":
    sys.exit(guest.run_tap([
        ("typed keys reach guest and screen", typed),
        ("screenshots show what the guest drew", screenshots),
        ("a VNC client sees and types", vnc),
        ("a VNC client without the password stays out", passwords),
    ]))
