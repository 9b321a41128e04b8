/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of the device test protocol.
 *
 * A command is a line of words. Its row says how many words follow and what answers; a line that
 * does not parse is answered with "FAIL reason" and changes nothing. Numbers are C literals.
 * Memory and port words are in the guest's byte order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory/space.h"
#include "hw/core/machine.h"
#include "system/qtest.h"

#define MAX_LINE  (64u << 20)
#define MAX_DATA  (16u << 20) /* bytes of one read */
#define MAX_WORDS 6

/* One intercepted pin: the pin it stands in for, or in front of. */
typedef struct {
    QtestSession *session;
    int n, level;
    Irq original; /* inputs: what the pin did */
    Irq *pin;     /* inputs: the pin */
    Irq **slot;   /* outputs: where the device keeps its pointer */
    Irq *target;  /* outputs: where that pointed */
    Irq self;
} Intercept;

struct QtestSession {
    Vm *vm;
    void (*send)(void *opaque, const char *text, size_t len);
    void *opaque;
    GString *line;
    bool overlong;
    GPtrArray *intercepts;
    Device *intercepted;
};

typedef struct {
    QtestSession *s;
    char **words; /* words[0] is the command */
    int n;
} Call;

static void reply(QtestSession *s, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void reply(QtestSession *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    s->send(s->opaque, text, strlen(text));
}

static bool number(Call *c, int word, uint64_t *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtoull(c->words[word], &end, 0);
    if (errno || end == c->words[word] || *end || c->words[word][0] == '-') {
        reply(c->s, "FAIL '%s' is not a number\n", c->words[word]);
        return false;
    }
    return true;
}

static DeviceEndian guest_endian(QtestSession *s)
{
    const char *target = s->vm->machine ? machine_ops(vm_machine(s->vm))->target : NULL;

    return target && strcmp(target, "x86_64") ? DEVICE_BIG_ENDIAN : DEVICE_LITTLE_ENDIAN;
}

/* ---- ports and words ---- */

static unsigned size_of_suffix(const char *word)
{
    switch (word[strlen(word) - 1]) {
    case 'b': return 1;
    case 'w': return 2;
    case 'l': return 4;
    default: return 8;
    }
}

static void cmd_out(Call *c)
{
    uint64_t addr, value;

    if (number(c, 1, &addr) && number(c, 2, &value)) {
        address_space_st(address_space_io(c->s->vm), addr & 0xffff, value,
                         size_of_suffix(c->words[0]), DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, NULL);
        reply(c->s, "OK\n");
    }
}

static void cmd_in(Call *c)
{
    uint64_t addr, value;

    if (number(c, 1, &addr)) {
        value =
            address_space_ld(address_space_io(c->s->vm), addr & 0xffff, size_of_suffix(c->words[0]),
                             DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, NULL);
        reply(c->s, "OK 0x%04x\n", (unsigned)value);
    }
}

static void cmd_write_word(Call *c)
{
    uint64_t addr, value;

    if (number(c, 1, &addr) && number(c, 2, &value)) {
        address_space_st(address_space_memory(c->s->vm), addr, value, size_of_suffix(c->words[0]),
                         guest_endian(c->s), MEM_ATTRS_NONE, NULL);
        reply(c->s, "OK\n");
    }
}

static void cmd_read_word(Call *c)
{
    uint64_t addr, value;

    if (number(c, 1, &addr)) {
        value = address_space_ld(address_space_memory(c->s->vm), addr, size_of_suffix(c->words[0]),
                                 guest_endian(c->s), MEM_ATTRS_NONE, NULL);
        reply(c->s, "OK 0x%016" G_GINT64_MODIFIER "x\n", value);
    }
}

/* ---- blocks of bytes ---- */

static bool span(Call *c, uint64_t *addr, uint64_t *len)
{
    if (!number(c, 1, addr) || !number(c, 2, len)) {
        return false;
    }
    if (*len == 0 || *len > MAX_DATA) {
        reply(c->s, "FAIL length %s is not from 1 to %u\n", c->words[2], MAX_DATA);
        return false;
    }
    return true;
}

static uint8_t *read_block(Call *c, uint64_t *len)
{
    uint64_t addr;

    if (!span(c, &addr, len)) {
        return NULL;
    }
    uint8_t *data = g_malloc0(*len);

    address_space_read(address_space_memory(c->s->vm), addr, MEM_ATTRS_NONE, data, *len);
    return data;
}

static void cmd_read(Call *c)
{
    uint64_t len;
    g_autofree uint8_t *data = read_block(c, &len);

    if (data) {
        static const char digits[] = "0123456789abcdef";
        g_autofree char *hex = g_malloc(2 * len + 1);

        for (uint64_t i = 0; i < len; i++) {
            hex[2 * i] = digits[data[i] >> 4];
            hex[2 * i + 1] = digits[data[i] & 15];
        }
        hex[2 * len] = 0;
        reply(c->s, "OK 0x%s\n", hex);
    }
}

static void cmd_b64read(Call *c)
{
    uint64_t len;
    g_autofree uint8_t *data = read_block(c, &len);

    if (data) {
        g_autofree char *text = g_base64_encode(data, len);

        reply(c->s, "OK %s\n", text);
    }
}

static void cmd_write(Call *c)
{
    uint64_t addr, len;
    const char *hex = c->words[3];

    if (!span(c, &addr, &len)) {
        return;
    }
    if (!g_str_has_prefix(hex, "0x") || strlen(hex) - 2 > 2 * len) {
        reply(c->s, "FAIL the data is not 0x and at most %" G_GUINT64_FORMAT " bytes\n", len);
        return;
    }
    g_autofree uint8_t *data = g_malloc0(len);

    hex += 2;
    for (uint64_t i = 0; i < len && hex[2 * i]; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(hex[2 * i + 1]);

        if (low < 0) {
            reply(c->s, "FAIL the data is not hexadecimal at byte %" G_GUINT64_FORMAT "\n", i);
            return;
        }
        data[i] = (uint8_t)(high << 4 | low);
    }
    address_space_write(address_space_memory(c->s->vm), addr, MEM_ATTRS_NONE, data, len);
    reply(c->s, "OK\n");
}

static void cmd_b64write(Call *c)
{
    uint64_t addr, len;
    gsize got = 0;

    if (!span(c, &addr, &len)) {
        return;
    }
    g_autofree uint8_t *data = g_base64_decode(c->words[3], &got);

    if (!data || got != len) {
        reply(c->s, "FAIL the data has %zu bytes, not %" G_GUINT64_FORMAT "\n", got, len);
        return;
    }
    address_space_write(address_space_memory(c->s->vm), addr, MEM_ATTRS_NONE, data, len);
    reply(c->s, "OK\n");
}

static void cmd_memset(Call *c)
{
    uint64_t addr, len, value;

    if (number(c, 1, &addr) && number(c, 2, &len) && number(c, 3, &value)) {
        if (len > (1ull << 32)) {
            reply(c->s, "FAIL length %s is over 4 GiB\n", c->words[2]);
            return;
        }
        address_space_set(address_space_memory(c->s->vm), addr, MEM_ATTRS_NONE, (uint8_t)value,
                          len);
        reply(c->s, "OK\n");
    }
}

/* ---- the clock ---- */

static void advance(Call *c, int64_t to)
{
    clock_virtual_advance(c->s->vm, to);
    reply(c->s, "OK %" G_GINT64_FORMAT "\n", clock_now_ns(c->s->vm, CLOCK_KIND_VIRTUAL));
}

static void cmd_clock_step(Call *c)
{
    int64_t now = clock_now_ns(c->s->vm, CLOCK_KIND_VIRTUAL);
    int64_t deadline = clock_deadline_ns(c->s->vm, CLOCK_KIND_VIRTUAL);
    uint64_t ns;

    if (c->n == 1) {
        advance(c, deadline == TIMER_NEVER || deadline < now ? now : deadline);
    } else if (number(c, 1, &ns)) {
        if (ns > (uint64_t)(INT64_MAX - 1 - now)) {
            reply(c->s, "FAIL %s ns from now is beyond the clock's end\n", c->words[1]);
            return;
        }
        advance(c, now + (int64_t)ns);
    }
}

static void cmd_clock_set(Call *c)
{
    uint64_t ns;

    if (number(c, 1, &ns)) {
        if (ns >= INT64_MAX || (int64_t)ns < clock_now_ns(c->s->vm, CLOCK_KIND_VIRTUAL)) {
            reply(c->s, "FAIL the clock cannot be set to %s\n", c->words[1]);
            return;
        }
        advance(c, (int64_t)ns);
    }
}

/* ---- interrupt lines ---- */

static void on_level(void *opaque, int n, int level)
{
    Intercept *i = opaque;

    if (i->pin) {
        i->original.handler(i->original.opaque, i->original.n, level);
    } else {
        irq_set(i->target, level);
    }
    if (i->level != level) {
        i->level = level;
        reply(i->session, "IRQ %s %d\n", level ? "raise" : "lower", n);
    }
}

static Device *find_device(Call *c)
{
    g_autoptr(GError) error = NULL;
    Object *obj = object_resolve(c->s->vm, c->words[1], &error);

    if (!obj) {
        reply(c->s, "FAIL %s\n", error->message);
        return NULL;
    }
    if (!object_is_a(obj, "device")) {
        reply(c->s, "FAIL '%s' is not a device\n", c->words[1]);
        return NULL;
    }
    return DEVICE(obj);
}

static GpioGroup *find_group(Call *c, Device *dev, const char *name, bool output)
{
    bool unnamed =
        !name || g_str_equal(name, "unnamed-gpio-in") || g_str_equal(name, "unnamed-gpio-out");
    GpioGroup *group = device_find_gpio(dev, unnamed ? NULL : name, output);

    if (!group) {
        reply(c->s, "FAIL '%s' has no %sputs '%s'\n", c->words[1], output ? "out" : "in",
              unnamed ? "unnamed" : name);
    }
    return group;
}

static void intercept(Call *c, bool output)
{
    QtestSession *s = c->s;
    Device *dev = find_device(c);
    GpioGroup *group = dev ? find_group(c, dev, c->n > 2 ? c->words[2] : NULL, output) : NULL;

    if (!group) {
        return;
    }
    if (s->intercepted) {
        if (s->intercepted == dev) {
            reply(s, "OK\n");
        } else {
            reply(s, "FAIL IRQ intercept already enabled\n");
        }
        return;
    }
    s->intercepted = dev;
    for (int n = 0; n < group->n; n++) {
        Intercept *i = g_new0(Intercept, 1);

        i->session = s;
        i->n = n;
        irq_init(&i->self, on_level, i, n);
        if (output) {
            i->slot = group->slots[n];
            i->target = *i->slot;
            *i->slot = &i->self;
        } else {
            i->pin = &group->pins[n];
            i->original = *i->pin;
            *i->pin = i->self;
        }
        g_ptr_array_add(s->intercepts, i);
    }
    reply(s, "OK\n");
}

static void cmd_intercept_in(Call *c)
{
    intercept(c, false);
}

static void cmd_intercept_out(Call *c)
{
    intercept(c, true);
}

static void cmd_set_irq_in(Call *c)
{
    Device *dev = find_device(c);
    GpioGroup *group = dev ? find_group(c, dev, c->words[2], false) : NULL;
    uint64_t n, level;

    if (!group || !number(c, 3, &n) || !number(c, 4, &level)) {
        return;
    }
    if (n >= (uint64_t)group->n) {
        reply(c->s, "FAIL input %s is not below %d\n", c->words[3], group->n);
        return;
    }
    irq_set(&group->pins[n], (int)level);
    reply(c->s, "OK\n");
}

/* ---- the rest ---- */

static void cmd_endianness(Call *c)
{
    reply(c->s, "OK %s\n", guest_endian(c->s) == DEVICE_BIG_ENDIAN ? "big" : "little");
}

static void cmd_module_load(Call *c)
{
    reply(c->s, "FAIL there are no modules: everything is built in\n");
}

static const struct {
    const char *name;
    int min, max; /* words after the command */
    void (*fn)(Call *c);
} commands[] = {
    { "outb", 2, 2, cmd_out },
    { "outw", 2, 2, cmd_out },
    { "outl", 2, 2, cmd_out },
    { "inb", 1, 1, cmd_in },
    { "inw", 1, 1, cmd_in },
    { "inl", 1, 1, cmd_in },
    { "writeb", 2, 2, cmd_write_word },
    { "writew", 2, 2, cmd_write_word },
    { "writel", 2, 2, cmd_write_word },
    { "writeq", 2, 2, cmd_write_word },
    { "readb", 1, 1, cmd_read_word },
    { "readw", 1, 1, cmd_read_word },
    { "readl", 1, 1, cmd_read_word },
    { "readq", 1, 1, cmd_read_word },
    { "read", 2, 2, cmd_read },
    { "memread", 2, 2, cmd_read },
    { "write", 3, 3, cmd_write },
    { "memwrite", 3, 3, cmd_write },
    { "b64read", 2, 2, cmd_b64read },
    { "b64write", 3, 3, cmd_b64write },
    { "memset", 3, 3, cmd_memset },
    { "clock_step", 0, 1, cmd_clock_step },
    { "clock_set", 1, 1, cmd_clock_set },
    { "irq_intercept_in", 1, 2, cmd_intercept_in },
    { "irq_intercept_out", 1, 2, cmd_intercept_out },
    { "irq_intercept_out_named", 2, 2, cmd_intercept_out },
    { "set_irq_in", 4, 4, cmd_set_irq_in },
    { "endianness", 0, 0, cmd_endianness },
    { "module_load", 1, 2, cmd_module_load },
};

static void run_line(QtestSession *s, char *line)
{
    g_auto(GStrv) all = g_strsplit_set(line, " \t\r", -1);
    char *words[MAX_WORDS];
    Call c = { .s = s, .words = words };

    for (char **w = all; *w; w++) {
        if (**w && c.n < MAX_WORDS) {
            words[c.n++] = *w;
        }
    }
    if (c.n == 0) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_str_equal(commands[i].name, words[0])) {
            if (c.n - 1 < commands[i].min || c.n - 1 > commands[i].max) {
                reply(s, "FAIL '%s' takes %d to %d words, not %d\n", words[0], commands[i].min,
                      commands[i].max, c.n - 1);
            } else {
                commands[i].fn(&c);
            }
            return;
        }
    }
    reply(s, "FAIL Unknown command '%.40s'\n", words[0]);
}

void qtest_session_feed(QtestSession *s, const char *data, size_t len)
{
    while (len) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) : len;

        if (s->line->len + n > MAX_LINE) {
            s->overlong = true;
            g_string_truncate(s->line, 0);
        } else if (!s->overlong) {
            g_string_append_len(s->line, data, (gssize)n);
        }
        if (!end) {
            return;
        }
        if (s->overlong) {
            reply(s, "FAIL a line is over %u bytes\n", MAX_LINE);
        } else {
            run_line(s, s->line->str);
        }
        s->overlong = false;
        g_string_truncate(s->line, 0);
        data = end + 1;
        len -= n + 1;
    }
}

QtestSession *qtest_session_new(Vm *vm, void (*send)(void *opaque, const char *text, size_t len),
                                void *opaque)
{
    QtestSession *s = g_new0(QtestSession, 1);

    s->vm = vm;
    s->send = send;
    s->opaque = opaque;
    s->line = g_string_new(NULL);
    s->intercepts = g_ptr_array_new_with_free_func(g_free);
    return s;
}

void qtest_session_free(QtestSession *s)
{
    if (!s) {
        return;
    }
    for (guint n = 0; n < s->intercepts->len; n++) {
        Intercept *i = g_ptr_array_index(s->intercepts, n);

        if (i->pin) {
            *i->pin = i->original;
        } else {
            *i->slot = i->target;
        }
    }
    g_ptr_array_unref(s->intercepts);
    g_string_free(s->line, TRUE);
    g_free(s);
}
