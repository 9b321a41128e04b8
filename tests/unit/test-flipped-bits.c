/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One flipped bit, anywhere in a version 4 stream: the destination refuses the stream, the error names the frame
 * and what arrived whole before it, and nothing is installed. All bits of the tiny VM's stream; of whole machines' some of
 * each frame's head, check and content. And more of them, before a reader that has come just that far, which is what
 * decides: no parser sees a byte of a frame that was not taken. With FERRY_FLIPS=all every bit in both ways (minutes): one
 * load of the machine's stream, whose reader is forked in front of each frame for each of its bits.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/io/channel-priv.h"
#include "base/util/endian.h"
#include "effort.h"
#include "machine-vm.h"
#include "tiny-vm.h"

#define HEADER 8u /* of the stream */
#define HEAD   8u /* of a frame: head and check */

typedef struct {
    Vm *vm;
    uint8_t *data; /* owned; the stream, with one bit flipped at a time */
    gsize n;
    char *place; /* owned; what the error begins with */
    uint64_t flips;
} Flips;

/* ---- where a frame is ---- */

/* The name of the section that an item starts, goes on with or ends; @names: by number, from those that started. */
static const char *section_name(GHashTable *names, const uint8_t *item)
{
    gpointer number = GUINT_TO_POINTER(ld_be32(item + 1));

    if (item[0] == STREAM_SECTION_START || item[0] == STREAM_SECTION_FULL) {
        g_hash_table_insert(names, number, g_strndup((const char *)item + 6, item[5]));
    }
    return g_hash_table_lookup(names, number);
}

/* What the error of a frame says that arrived whole before it, when this item is that. */
static const char *item_name(GHashTable *names, const uint8_t *item)
{
    switch (item[0]) {
    case STREAM_CONFIGURATION: return "the configuration";
    case STREAM_MANIFEST: return "the manifest";
    case STREAM_COMMAND: return "a command";
    case STREAM_EOF: return "the end mark";
    case STREAM_DESCRIPTION: return "the VM description";
    default: return section_name(names, item);
    }
}

/* From one frame of a stream to the next. */
typedef struct {
    GHashTable *names; /* owned while it goes on */
    const char *item;  /* that the frame belongs to; NULL: it is not known yet */
    char after[64];    /* the item that was whole before, as StreamIn has it */
    guint frame;
    unsigned item_frames; /* of the item, before this one */
    gsize at, n;          /* with its head */
} Walk;

static void walk_on(Walk *w, const Flips *f)
{
    bool last = ld_be32(f->data + w->at) >> 31;

    if (last) {
        g_strlcpy(w->after, w->item, sizeof(w->after));
        w->item = NULL;
    }
    w->item_frames = last ? 0 : w->item_frames + 1;
    w->at += w->n;
    w->frame++;
}

/* The next frame, or the first one; false: there is none. f->place is what an error in it begins with. */
static bool walk_next(Walk *w, Flips *f)
{
    if (w->n) {
        walk_on(w, f);
    } else {
        w->names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        w->at = HEADER;
    }
    if (w->at == f->n) {
        g_assert_cmpstr(w->after, ==, "the VM description");
        g_hash_table_unref(w->names);
        return false;
    }
    w->n = HEAD + (ld_be32(f->data + w->at) & ~(1u << 31));
    w->item = w->item ? w->item : item_name(w->names, f->data + w->at + HEAD);
    g_free(f->place);
    f->place = *w->after ? g_strdup_printf("frame %u (behind '%s'): ", w->frame, w->after)
                         : g_strdup_printf("frame %u: ", w->frame);
    return true;
}

/* ---- flips ---- */

static void flip(Flips *f, gsize byte, unsigned bit)
{
    g_autoptr(GError) error = NULL;

    f->data[byte] ^= (uint8_t)(1u << bit);
    g_autoptr(Channel) c = channel_new_buffer(f->data, f->n);
    g_assert_false(vm_stream_load(f->vm, c, &error));
    f->data[byte] ^= (uint8_t)(1u << bit);
    if (!g_str_has_prefix(error->message, f->place)) {
        g_error("bit %u of byte %zu, '%s' is wanted: %s", bit, byte, f->place, error->message);
    }
    f->flips++;
}

/* Each @every-th bit of @n bytes. */
static void flip_each(Flips *f, gsize at, gsize n, unsigned every)
{
    for (gsize bit = 0; bit < 8 * n; bit += every) {
        flip(f, at + bit / 8, bit % 8);
    }
}

/* @count bits of @n bytes. */
static void flip_some(Flips *f, GRand *rand, gsize at, gsize n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        flip(f, at + (gsize)g_rand_int_range(rand, 0, (gint32)n), i % 8);
    }
}

/* In each frame: each @every-th bit, or with 0 a few of its head, its check and its content. */
static void flip_frames(Flips *f, GRand *rand, unsigned every)
{
    unsigned few = TEST_SANITIZED ? 1 : 2;
    Walk w = { .names = NULL };

    while (walk_next(&w, f)) {
        if (every) {
            flip_each(f, w.at, w.n, every);
        } else {
            flip_some(f, rand, w.at, 4, few);
            flip_some(f, rand, w.at + 4, 4, few);
            flip_some(f, rand, w.at + HEAD, w.n - HEAD, 2 * few);
        }
    }
}

/* The header has no frame. */
static void flip_header(Flips *f)
{
    f->place = g_strdup("");
    flip_each(f, 0, HEADER, 1);
}

/* ---- the frame alone ---- */

#define BEHIND 64u /* bytes of the next frames, for lengths that grew; a longer one ends early */

/* Reads the frame as the next one of a stream that has come so far. */
static void flip_alone(Flips *f, const Walk *w, gsize bit)
{
    gsize len = MIN(w->n + BEHIND, f->n - w->at);
    g_autoptr(GError) error = NULL;
    StreamIn in;

    f->data[w->at + bit / 8] ^= (uint8_t)(1u << bit % 8);
    g_autoptr(Channel) c = channel_new_buffer(f->data + w->at, len);
    stream_in_init(&in, c);
    in.format = STREAM_V4;
    in.sequence = w->frame;
    in.item_frames = w->item_frames;
    g_strlcpy(in.after, w->after, sizeof(in.after));
    g_assert_false(stream_in_need(&in, 1, &error));
    f->data[w->at + bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (!g_str_has_prefix(error->message, f->place) ||
        stream_in_available(&in) > STREAM_FRAME_MAX) {
        g_error("bit %zu behind byte %zu, '%s' is wanted: %s", bit, w->at, f->place,
                error->message);
    }
    stream_in_clear(&in);
    f->flips++;
}

#define CHECKED (TEST_SANITIZED ? 32u << 20 : 512u << 20) /* bytes, for all flips in a stream */

/* Of a frame whose every flip costs a checksum of all of it: so many bits apart. */
static gsize apart(const Flips *f, gsize n)
{
    return 1 + 8 * (n + 4096) * f->n / CHECKED;
}

/* All bits of each frame, also of those that go on with an item, or only some of large ones. */
static void flip_alone_each(Flips *f, bool all)
{
    Walk w = { .names = NULL };

    while (walk_next(&w, f)) {
        for (gsize bit = 0, step = all ? 1 : apart(f, w.n); bit < 8 * w.n; bit += step) {
            flip_alone(f, &w, bit);
        }
    }
}

/* ---- a load for each bit ---- */

/* Gives a stream, and to a copy of this process the same with one bit of the next frame flipped, for each of its bits. */
typedef struct {
    Channel c; /* first */
    Flips *f;
    Walk walk;
    gsize pos, next; /* bytes given; where the next frame begins */
    bool copy;       /* this process has the flipped bit */
    GBytes *before;  /* borrowed; the machine's state */
} Forking;

#define STATE_EACH 1000 /* bits, of which for one the machine is saved again */

/* The load with the flipped bit has ended: so does the copy. */
static G_GNUC_NORETURN void copy_ends(Forking *k, bool ok, const GError *error)
{
    Flips *f = k->f;

    if (ok || !g_str_has_prefix(error->message, f->place)) {
        g_printerr("flip %" G_GUINT64_FORMAT ", '%s' is wanted: %s\n", f->flips, f->place,
                   ok ? "taken" : error->message);
        _exit(1);
    }
    if (f->flips % STATE_EACH == 0) {
        f->vm->migration->in = NULL;
        g_autoptr(GBytes) after = vm_stream_save(f->vm, STREAM_V4, true);
        if (!g_bytes_equal(k->before, after)) {
            g_printerr("flip %" G_GUINT64_FORMAT ": something was installed\n", f->flips);
            _exit(1);
        }
    }
    _exit(0);
}

/* True in a copy. */
static bool fork_for(Forking *k, gsize bit)
{
    int status;
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (!pid) {
        k->f->data[k->walk.at + bit / 8] ^= (uint8_t)(1u << bit % 8);
        return k->copy = true;
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    if (status) {
        g_error("bit %zu behind byte %zu: status 0x%x", bit, k->walk.at, status);
    }
    k->f->flips++;
    return false;
}

static ssize_t forking_read(Channel *c, void *buf, size_t len, GError **error)
{
    Forking *k = (Forking *)c;

    if (!k->copy && k->pos == k->next && walk_next(&k->walk, k->f)) {
        k->next = k->walk.at + k->walk.n;
        g_test_message("%" G_GUINT64_FORMAT " of %zu bits, %s", k->f->flips, 8 * k->f->n,
                       k->f->place);
        for (gsize bit = 0; bit < 8 * k->walk.n && !fork_for(k, bit); bit++) {
        }
    }
    gsize n = MIN(len, (k->copy ? k->f->n : k->next) - k->pos);
    memcpy(buf, k->f->data + k->pos, n);
    k->pos += n;
    return (ssize_t)n;
}

static void forking_shutdown(Channel *c)
{
}

static void forking_free(Channel *c)
{
}

/* All bits behind the header; the stream itself is taken, but not installed. */
static void flip_by_forks(Flips *f, GBytes *before)
{
    static const ChannelOps ops = { .read = forking_read,
                                    .shutdown = forking_shutdown,
                                    .free = forking_free };
    Forking *k = g_new0(Forking, 1);
    g_autoptr(Channel) c = &k->c;
    g_autoptr(GError) error = NULL;
    Incoming in;

    channel_init(c, &ops, "forks", CHANNEL_CAN_READ);
    k->f = f;
    k->next = HEADER;
    k->before = before;
    vm_stream_open(&in, f->vm, c);
    bool ok = load_stream(&in, &error);
    if (k->copy) {
        copy_ends(k, ok, error);
    }
    g_assert_no_error(error);
    g_assert_false(walk_next(&k->walk, f));
    vm_stream_close(&in);
}

/* ---- tests ---- */

/* EVIDENCE: MIG-WIRE-011, MIG-WIRE-024 */
static void test_tiny(void)
{
    Tiny *src = tiny_new(), *dst = tiny_new(), *fresh = tiny_new();
    g_autoptr(GError) error = NULL;
    unsigned every = TEST_SANITIZED ? 3 : 1;
    gsize n;

    tiny_scribble(src);
    g_autoptr(GBytes) stream = tiny_save(src, STREAM_V4);
    const uint8_t *data = g_bytes_get_data(stream, &n);
    Flips f = { .vm = dst->vm, .data = g_memdup2(data, n), .n = n };
    flip_header(&f);
    flip_frames(&f, NULL, every);
    g_assert_cmpuint(f.flips, >=, 8 * n / every);
    memset(ram_block_host(dst->ram), 0, TINY_RAM); /* pages go into place as they come */
    g_assert_true(tiny_same(dst, fresh));
    g_assert_true(tiny_load(dst, data, n, &error));
    g_assert_true(tiny_same(dst, src));
    g_free(f.data);
    g_free(f.place);
    tiny_free(src);
    tiny_free(dst);
    tiny_free(fresh);
}

/* Pages that are not all zeros, so that they travel. */
static bool scribble(RamBlock *block, void *opaque)
{
    uint8_t *host = ram_block_host(block);

    for (uint64_t at = 0; at < MIN(ram_block_used_length(block), 3u << 12); at += 97) {
        host[at] ^= (uint8_t)(at + 5);
    }
    return true;
}

static void assert_same(GBytes *before, GBytes *after)
{
    g_autoptr(GPtrArray) a = vm_stream_items(before), b = vm_stream_items(after);

    g_assert_cmpuint(a->len, ==, b->len);
    for (guint i = 0; i < a->len; i++) {
        GBytes *x = g_ptr_array_index(a, i), *y = g_ptr_array_index(b, i);

        if (!g_bytes_equal(x, y)) {
            const char *item = g_bytes_get_data(x, NULL);
            g_error("item %u is not as it was: %.*s", i, item[5], item + 6);
        }
    }
}

/* The machine is source and destination: in the end it is as it was, and takes the whole stream. */
/* EVIDENCE: MIG-WIRE-011, MIG-WIRE-024 */
static void test_machine(gconstpointer row)
{
    bool all = g_strcmp0(g_getenv("FERRY_FLIPS"), "all") == 0;
    g_autoptr(GRand) rand = g_rand_new_with_seed(test_first_seed());
    g_autoptr(GError) error = NULL;
    MachineVm *m = machine_vm_new(row);
    Vm *vm = m->sys.vm;
    gsize n;

    ram_list_foreach(vm, scribble, NULL);
    vm_unlock(vm);
    g_autoptr(GBytes) stream = vm_stream_save(vm, STREAM_V4, true);
    const uint8_t *data = g_bytes_get_data(stream, &n);
    Flips f = { .vm = vm, .data = g_memdup2(data, n), .n = n };
    flip_header(&f);
    if (all) {
        flip_by_forks(&f, stream);
    } else {
        flip_frames(&f, rand, 0);
    }
    g_assert_true(!all || f.flips == 8 * n);
    g_test_message("%" G_GUINT64_FORMAT " of %zu bits", f.flips, 8 * n);
    g_autoptr(GBytes) after = vm_stream_save(vm, STREAM_V4, true);
    assert_same(stream, after);
    g_autoptr(Channel) c = channel_new_buffer(data, n);
    g_assert_true(vm_stream_load(vm, c, &error));
    g_assert_no_error(error);
    vm_lock(vm);
    machine_vm_free(m);
    g_free(f.data);
    g_free(f.place);
}

/* EVIDENCE: MIG-WIRE-010, MIG-WIRE-011 */
static void test_machine_alone(gconstpointer row)
{
    bool all = g_strcmp0(g_getenv("FERRY_FLIPS"), "all") == 0;
    MachineVm *m = machine_vm_new(row);
    Vm *vm = m->sys.vm;
    gsize n;

    ram_list_foreach(vm, scribble, NULL);
    vm_unlock(vm);
    g_autoptr(GBytes) stream = vm_stream_save(vm, STREAM_V4, true);
    const uint8_t *data = g_bytes_get_data(stream, &n);
    Flips f = { .vm = vm, .data = g_memdup2(data, n), .n = n };
    flip_alone_each(&f, all);
    g_assert_true(!all || f.flips == 8 * (n - HEADER));
    g_test_message("%" G_GUINT64_FORMAT " of %zu bits", f.flips, 8 * (n - HEADER));
    vm_lock(vm);
    machine_vm_free(m);
    g_free(f.data);
    g_free(f.place);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/flipped-bits/tiny-vm", test_tiny);
    for (size_t i = 0; i < machine_rows_n; i++) {
        const MachineRow *row = &machine_rows[i];
        g_autofree char *path =
            g_strdup_printf("/migration/flipped-bits/%s%s%s", row->name, row->variant ? "-" : "",
                            row->variant ? row->variant : "");

        /* One machine in a sanitized build: the code that runs is the same. */
        if (row->format == STREAM_V4 && (!TEST_SANITIZED || g_str_has_prefix(row->name, "s390"))) {
            g_autofree char *alone = g_strconcat(path, "/each-frame-alone", NULL);
            g_test_add_data_func(path, row, test_machine);
            g_test_add_data_func(alone, row, test_machine_alone);
        }
    }
    return g_test_run();
}
