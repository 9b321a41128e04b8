#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What management does to learn about a program: start it as a daemon without a machine, ask, talk
to it again on a second connection, end it by a signal; and the human monitor on a terminal.

usage: test-probe.py FERRY-DIR. Prints TAP.
"""
import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time

QUERIES = [
    ('query-version', {}), ('query-target', {}), ('query-qmp-schema', {}), ('query-commands', {}),
    ('query-kvm', {}), ('qom-list-types', {}),
    ('device-list-properties', {'typename': 'virtio-blk-pci'}),
    ('device-list-properties', {'typename': 'PIIX4_PM'}),
    ('qom-list-properties', {'typename': 'memory-backend-file'}),
    ('qom-list-properties', {'typename': 'max-x86_64-cpu'}),
    ('query-machines', {}), ('qom-list-properties', {'typename': 'none-machine'}),
    ('qom-list-properties', {'typename': 'generic-pc-machine'}), ('query-cpu-definitions', {}),
    ('query-tpm-models', {}), ('query-tpm-types', {}), ('query-command-line-options', {}),
    ('query-migrate-capabilities', {}),
    ('query-cpu-model-expansion', {'type': 'static', 'model': {'name': 'max'}}),
]


class Lines:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(path)
        self.buf = b''

    def send(self, request):
        self.sock.sendall(json.dumps(request).encode() + b'\r\n')

    def next(self):
        while b'\r\n' not in self.buf:
            more = self.sock.recv(65536)
            if not more:
                return None
            self.buf += more
        line, self.buf = self.buf.split(b'\r\n', 1)
        return json.loads(line)


def wait_gone(pid):
    for _ in range(1200):
        try:
            with open(f'/proc/{pid}/stat') as f:
                if f.read().rsplit(')', 1)[1].split()[0] == 'Z':
                    return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


def probe(program):
    problems = []
    with tempfile.TemporaryDirectory() as d:
        path, pidfile = f'{d}/qmp.monitor', f'{d}/qmp.pid'
        started = subprocess.run(
            [program, '-S', '-no-user-config', '-nodefaults', '-nographic', '-machine',
             'none,accel=kvm:tcg', '-qmp', f'unix:{path},server=on,wait=off', '-pidfile', pidfile,
             '-daemonize'], cwd='/', stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120,
            check=False)
        if started.returncode:
            return [f'exit {started.returncode}: {started.stderr.decode()}']
        with open(pidfile) as f:
            pid = int(f.read())
        conn = Lines(path)
        conn.send({'execute': 'qmp_capabilities', 'id': 'x-1'})  # before the greeting is read
        if 'QMP' not in conn.next() or conn.next() != {'return': {}, 'id': 'x-1'}:
            problems.append('negotiation')
        for n, (command, arguments) in enumerate(QUERIES, 2):
            conn.send({'execute': command, 'arguments': arguments, 'id': f'x-{n}'})
            reply = conn.next()
            fine = 'return' in reply or reply['error']['class'] == 'DeviceNotFound'
            if not fine or reply['id'] != f'x-{n}':
                problems.append(f'{command}: {reply}')
        types = {'tcg-accel', 'virtio-blk-pci', 'pcie-root-port', 'isa-serial', 'virtio-net-pci'}
        conn.send({'execute': 'qom-list-types'})
        missing = types - {t['name'] for t in conn.next()['return']}
        if missing:
            problems.append(f'types that management needs are missing: {missing}')
        conn.sock.close()
        again = Lines(path)
        again.send({'execute': 'qmp_capabilities'})
        again.next(), again.next()
        os.kill(pid, signal.SIGTERM)
        event = again.next()
        if not event or event.get('data') != {'guest': False, 'reason': 'host-signal'}:
            problems.append(f'no SHUTDOWN by host-signal: {event}')
        if again.next() is not None or not wait_gone(pid):
            problems.append('it did not end')
    return problems


def wait_raw(fd):
    """Wait until the program has taken the terminal over: keys before that are the tty's own."""
    for _ in range(1200):
        if not termios.tcgetattr(fd)[3] & (termios.ICANON | termios.ECHO):
            return
        time.sleep(0.1)


def read_until(fd, text, seconds=120):
    got = b''
    end = time.monotonic() + seconds
    while text not in got and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                got += os.read(fd, 4096)
            except OSError:
                break
    return got


def terminal(program):
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(program, [program, '-machine', 'q35', '-display', 'none', '-nodefaults', '-S',
                           '-serial', 'mon:stdio'])
    problems = []
    wait_raw(fd)
    steps = [(b'', None), (b'\x01h', b'C-a x'), (b'\x01c', b'(ferry) '),
             (b'info stat\x7f\x7fatus\r', b'paused (prelaunch)'), (b'nonsense\r', b'unknown command'),
             (b'\x01x', b'terminated')]
    for keys, expected in steps:
        os.write(fd, keys)
        if expected:
            got = read_until(fd, expected)
            if expected not in got:
                problems.append(f'after {keys!r}: {got!r}')
    _, status = os.waitpid(pid, 0)
    if status:
        problems.append(f'exit status {status}')
    return problems


def main():
    program = os.path.join(os.path.abspath(sys.argv[1]), 'ferry-system-x86_64')
    tests = [('management can probe the program as a daemon', probe),
             ('the human monitor shares a terminal with a serial port', terminal)]
    print(f'1..{len(tests)}')
    failed = 0
    for n, (name, run) in enumerate(tests, 1):
        problems = run(program)
        failed += bool(problems)
        print(f'{"not ok" if problems else "ok"} {n} {name}')
        for p in problems:
            print(f'# {p}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
