/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x, xp: memory dumps "/COUNT FORMAT SIZE" as in debuggers; memsave and pmemsave. */
#include <inttypes.h>
#include <string.h>

#include "base/memory/space.h"
#include "base/util/size.h"
#include "hmp.h"

typedef struct {
    unsigned count, size;
    char format; /* x d u o c i */
} DumpFormat;

#define DUMP_MAX 4096

/* "/16xb": count, format letter, size letter, each optional. */
static bool parse_format(const char *text, DumpFormat *f)
{
    char *end;
    *f = (DumpFormat){ 1, 4, 'x' };
    text++;
    if (g_ascii_isdigit(*text)) {
        guint64 n = g_ascii_strtoull(text, &end, 10);
        f->count = (unsigned)MIN(n, DUMP_MAX);
        text = end;
    }
    for (; *text; text++) {
        switch (*text) {
        case 'x':
        case 'd':
        case 'u':
        case 'o':
        case 'c':
        case 'i':
            f->format = *text;
            f->size = *text == 'c' ? 1 : f->size;
            break;
        case 'b': f->size = 1; break;
        case 'h': f->size = 2; break;
        case 'w': f->size = 4; break;
        case 'g': f->size = 8; break;
        default: return false;
        }
    }
    return true;
}

static bool read_memory(HmpCall *call, CpuState *cpu, uint64_t addr, uint8_t *buf, size_t len)
{
    if (cpu) {
        return cpu_debug_rw(cpu, addr, buf, len, false);
    }
    return address_space_read(address_space_memory(call->vm), addr, MEM_ATTRS_NONE, buf, len) ==
           MEM_OK;
}

static void print_value(HmpCall *call, const DumpFormat *f, uint64_t v)
{
    int64_t s = (int64_t)(v << (64 - 8 * f->size)) >> (64 - 8 * f->size);
    switch (f->format) {
    case 'd': hmp_printf(call, " %*" PRId64, (int)f->size * 5 / 2 + 1, s); break;
    case 'u': hmp_printf(call, " %*" PRIu64, (int)f->size * 5 / 2 + 1, v); break;
    case 'o': hmp_printf(call, " %#*" PRIo64, (int)f->size * 3, v); break;
    case 'c':
        hmp_printf(call, g_ascii_isprint((char)v) ? " '%c'" : " '\\x%02x'", (int)(v & 0xff));
        break;
    default: hmp_printf(call, " 0x%0*" PRIx64, (int)f->size * 2, v);
    }
}

static void disassemble(HmpCall *call, CpuState *cpu, CpuState *by, uint64_t addr, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t bytes[16];
        unsigned len = MIN(by->ops->insn_max_bytes, sizeof(bytes));
        g_autoptr(GString) text = g_string_new(NULL);
        TbKey key = { 0 };
        if (!read_memory(call, cpu, addr, bytes, len)) {
            hmp_puts(call, "Cannot access memory\n");
            return;
        }
        by->ops->get_tb_key(by, &key);
        int n = by->ops->disas(by, key.flags, addr, bytes, len, text);
        hmp_printf(call, "0x%016" PRIx64 ":  %s\n", addr, text->str);
        addr += MAX(n, 1);
    }
}

static void dump(HmpCall *call, CpuState *cpu, const DumpFormat *f, uint64_t addr, bool big)
{
    unsigned per_line = f->format == 'c' ? 8
                        : f->size == 8   ? 2
                        : f->size == 1   ? 8
                        : f->size == 2   ? 8
                                         : 4;
    for (unsigned i = 0; i < f->count; i++) {
        uint8_t b[8];
        uint64_t v = 0;
        if (!read_memory(call, cpu, addr, b, f->size)) {
            hmp_printf(call, "%s%016" PRIx64 ": Cannot access memory\n", i ? "\n" : "", addr);
            return;
        }
        for (unsigned k = 0; k < f->size; k++) {
            v |= (uint64_t)b[k] << 8 * (big ? f->size - 1 - k : k);
        }
        if (i % per_line == 0) {
            hmp_printf(call, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
        }
        print_value(call, f, v);
        addr += f->size;
    }
    hmp_puts(call, "\n");
}

static void examine(HmpCall *call, bool virtual)
{
    QmpHost *host = monitors_config(call->monitors)->host;
    GError *error = NULL;
    DumpFormat f = { 1, 4, 'x' };
    uint64_t addr;
    int at = call->argc && call->argv[0][0] == '/';
    if (call->argc != at + 1 || (at && !parse_format(call->argv[0], &f))) {
        hmp_printf(call, "Error: expected: %s [/COUNT[xduoci][bhwg]] ADDRESS\n",
                   virtual ? "x" : "xp");
        return;
    }
    if (!uint_parse("address", call->argv[at], 0, UINT64_MAX, &addr, &error)) {
        hmp_error(call, error);
        return;
    }
    CpuState *cpu =
        qmp_cpu_state(host, call->cpu_index, virtual || f.format == 'i' ? &error : NULL);
    if (error) {
        hmp_error(call, error);
        return;
    }
    if (f.format == 'i') {
        disassemble(call, virtual ? cpu : NULL, cpu, addr, f.count);
    } else {
        dump(call, virtual ? cpu : NULL, &f, addr, cpu && cpu->ops->big_endian);
    }
}

void hmp_x(HmpCall *call)
{
    examine(call, true);
}

void hmp_xp(HmpCall *call)
{
    examine(call, false);
}

static void save(HmpCall *call, const char *command, bool with_cpu)
{
    GError *error = NULL;
    uint64_t addr, size;
    if (call->argc != 3) {
        hmp_printf(call, "Error: expected: %s ADDRESS SIZE FILE\n", command);
        return;
    }
    if (!uint_parse("address", call->argv[0], 0, INT64_MAX, &addr, &error) ||
        !uint_parse("size", call->argv[1], 0, INT64_MAX, &size, &error)) {
        hmp_error(call, error);
        return;
    }
    Json *args = json_object_new_object();
    json_add_uint(args, "val", addr);
    json_add_uint(args, "size", size);
    json_add_str(args, "filename", call->argv[2]);
    if (with_cpu) {
        json_add_int(args, "cpu-index", call->cpu_index);
    }
    json_unref(hmp_qmp(call, command, args));
}

void hmp_memsave(HmpCall *call)
{
    save(call, "memsave", true);
}

void hmp_pmemsave(HmpCall *call)
{
    save(call, "pmemsave", false);
}
