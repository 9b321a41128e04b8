#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every query of a running program answers what query-qmp-schema says it answers.

usage: test-replies.py FERRY-DIR

The schema comes over the wire, as management reads it; each reply and event is checked against it.
Prints TAP.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile


class Qmp:
    def __init__(self, program, args):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, 'qmp')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(120)
        self.process = subprocess.Popen(
            [program, *args, '-nodefaults', '-display', 'none', '-S', '-qmp', 'unix:' + path],
            stdin=subprocess.DEVNULL)
        self.sock, _ = listener.accept()
        self.sock.settimeout(120)
        self.file = self.sock.makefile('rwb')
        self.events = []
        self.greeting = json.loads(self.file.readline())
        self.call('qmp_capabilities')

    def raw(self, request):
        self.file.write(json.dumps(request).encode() + b'\r\n')
        self.file.flush()
        while True:
            line = self.file.readline()
            assert line.endswith(b'\r\n'), line
            reply = json.loads(line)
            if 'event' not in reply:
                return reply
            self.events.append(reply)

    def call(self, command, **arguments):
        reply = self.raw({'execute': command, 'arguments': arguments, 'id': command})
        assert reply.get('id') == command, reply
        return reply

    def end(self):
        self.call('quit')
        for line in self.file:
            self.events.append(json.loads(line))
        return self.process.wait(30)


class Schema:
    def __init__(self, entities):
        self.by_name = {e['name']: e for e in entities}

    def check(self, type_name, value, path):
        t = self.by_name[type_name]
        meta = t['meta-type']
        if meta == 'builtin':
            kinds = {'string': str, 'int': int, 'number': (int, float), 'boolean': bool,
                     'null': type(None), 'value': object}
            if not isinstance(value, kinds[t['json-type']]) or (
                    t['json-type'] in ('int', 'number') and isinstance(value, bool)):
                return [f'{path}: {value!r} is not {t["json-type"]}']
            return []
        if meta == 'array':
            if not isinstance(value, list):
                return [f'{path}: not an array']
            return [p for i, v in enumerate(value)
                    for p in self.check(t['element-type'], v, f'{path}[{i}]')]
        if meta == 'enum':
            values = [m['name'] for m in t['members']]
            return [] if value in values else [f'{path}: {value!r} is none of {values}']
        if meta == 'alternate':
            tries = [self.check(m['type'], value, path) for m in t['members']]
            return min(tries, key=len)
        return self.check_object(t, value, path)

    def check_object(self, t, value, path):
        if not isinstance(value, dict):
            return [f'{path}: not an object']
        members = list(t['members'])
        for variant in t.get('variants', []):
            if value.get(t['tag']) == variant['case']:
                members += self.by_name[variant['type']]['members']
        problems = []
        known = {m['name']: m for m in members}
        for name, m in known.items():
            if name in value:
                problems += self.check(m['type'], value[name], f'{path}.{name}')
            elif 'default' not in m:
                problems.append(f'{path}.{name}: missing')
        problems += [f'{path}.{name}: not in the schema' for name in value if name not in known]
        return problems


def report(number, name, problems):
    print(f'{"not ok" if problems else "ok"} {number} {name}')
    for p in problems[:20]:
        print(f'# {p}')
    return not problems


def queries(schema):
    for e in schema.by_name.values():
        if e['meta-type'] == 'command' and e['name'].startswith(('query-', 'x-query-')):
            needed = [m for m in schema.by_name[e['arg-type']]['members'] if 'default' not in m]
            if not needed:
                yield e


def check_machine(program, args, allowed):
    qmp = Qmp(program, args)
    schema = Schema(qmp.call('query-qmp-schema')['return'])
    problems = []
    for command in queries(schema):
        reply = qmp.call(command['name'])
        if 'error' in reply:
            if command['name'] not in allowed:
                problems.append(f'{command["name"]}: {reply["error"]["desc"]}')
            continue
        problems += schema.check(command['ret-type'], reply['return'], command['name'])
    if 'error' not in qmp.call('cont'):
        qmp.call('stop')
    for path in ('/', '/machine', '/machine/peripheral', '/objects', '/chardevs'):
        reply = qmp.call('qom-list', path=path)
        if 'return' in reply:
            problems += schema.check('[' + schema.by_name[schema.by_name['qom-list']['ret-type']][
                'element-type'] + ']', reply['return'], path)
    names = [t['name'] for t in qmp.call('qom-list-types')['return']]
    for name in names:
        for command in ('device-list-properties', 'qom-list-properties'):
            reply = qmp.call(command, typename=name)
            if 'return' in reply:
                problems += schema.check(schema.by_name[command]['ret-type'], reply['return'],
                                         f'{command} {name}')
    code = qmp.end()
    if code != 0:
        problems.append(f'exit code {code}')
    for event in qmp.events:
        entity = schema.by_name.get(event['event'])
        problems += (schema.check(entity['arg-type'], event.get('data', {}), event['event'])
                     if entity else [f'event {event["event"]} is not in the schema'])
    return problems


def check_cpu_reads(program):
    """What management does with every CPU before it starts a domain: read each bool property."""
    qmp = Qmp(program, ['-machine', 'q35', '-cpu', 'qemu64'])
    problems = []
    for cpu in qmp.call('query-cpus-fast')['return']:
        path = cpu['qom-path']
        for p in qmp.call('qom-list', path=path)['return']:
            if p['type'] == 'bool':
                reply = qmp.call('qom-get', path=path, property=p['name'])
                if not isinstance(reply.get('return'), bool):
                    problems.append(f'{path}.{p["name"]}: {reply}')
        reply = qmp.call('qom-get', path=path, property='unavailable-features')
        if not isinstance(reply.get('return'), list):
            problems.append(f'{path}.unavailable-features: {reply}')
    if qmp.end() != 0:
        problems.append('did not end well')
    return problems


def main():
    program = os.path.join(sys.argv[1], 'ferry-system-x86_64')
    rest = ['-chardev', 'pty,id=c0', '-device', 'isa-serial,chardev=c0', '-smp', '2',
            '-object', 'memory-backend-ram,id=m0,size=1M', '-netdev', 'user,id=n0',
            '-device', 'virtio-net-pci,netdev=n0,id=nic', '-device', 'pcie-root-port,id=rp',
            '-drive', 'driver=null-co,node-name=d0,if=none,id=drv,size=1M',
            '-device', 'virtio-blk-pci,drive=drv', '-device', 'vmgenid']
    print('1..3')
    ok = report(1, 'replies without a machine fit the schema',
                check_machine(program, ['-machine', 'none'],
                              {'query-acpi-ospm-status', 'query-balloon',
                               'query-hotpluggable-cpus', 'query-vm-generation-id'}))
    ok &= report(2, 'replies of a q35 machine fit the schema',
                 check_machine(program, ['-machine', 'q35', *rest], {'query-balloon'}))
    ok &= report(3, 'every bool property of a CPU can be read', check_cpu_reads(program))
    return 0 if ok else 1


if __name__ == '__main__':
    sys.exit(main())
