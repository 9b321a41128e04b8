# SPDX-License-Identifier: GPL-2.0-or-later
"""What benchmarks share whose guest is a Linux kernel with one program: making it, and booting it."""
import importlib.machinery
import importlib.util
import os
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))


def compare():
    """The program `compare` as a module."""
    loader = importlib.machinery.SourceFileLoader('compare', os.path.join(HERE, 'compare'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('compare', loader))
    loader.exec_module(module)
    return module


def compile_program(directory, source, compiler):
    program = os.path.join(directory, os.path.splitext(source)[0])
    subprocess.run([*shlex.split(compiler), '-O2', '-static', '-o', program,
                    os.path.join(HERE, source)], check=True)
    return program


def cpio_entry(name, mode, data=b'', rdev=(0, 0)):
    head = [0, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name) + 1, 0]
    out = b'070701' + b''.join(b'%08x' % v for v in head) + name.encode() + b'\0'
    out += bytes(-len(out) % 4)
    return out + data + bytes(-len(data) % 4)


def make_initrd(directory, program):
    """An archive whose first process is the program, with a console to write to."""
    with open(program, 'rb') as f:
        init = f.read()
    path = os.path.join(directory, 'initrd')
    with open(path, 'wb') as f:
        f.write(cpio_entry('dev', 0o40755) +
                cpio_entry('dev/console', 0o20600, rdev=(5, 1)) +
                cpio_entry('init', 0o100755, init) + cpio_entry('TRAILER!!!', 0))
    return path


def options(kernel, initrd, append):
    return ['-m', '512', '-nographic', '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', append]


def in_turns(n, sides):
    """The sides in an order that changes with n."""
    return sides[::-1] if n % 2 else sides
