/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One flipped bit, anywhere in a version 4 stream: the destination refuses the stream, the error names the frame
 * and what arrived whole before it, and nothing is installed. All bits of the tiny VM's stream; of whole machines' some of
 * each frame's head, check and content. And more of them, or with FERRY_FLIPS=all every one (minutes; of whole loads hours),
 * before a reader that has come just that far, which is what decides: no parser sees a byte of a frame that was not taken.
 */
#include <string.h>
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
    g_autoptr(GHashTable) names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    const char *last = NULL, *item = NULL;
    unsigned few = TEST_SANITIZED ? 1 : 2;
    guint frame = 0;

    for (gsize at = HEADER; at < f->n; frame++) {
        uint32_t head = ld_be32(f->data + at), n = head & ~(1u << 31);

        g_free(f->place);
        f->place =
            last ? g_strdup_printf("frame %u (behind '%s'): ", frame, last) : g_strdup("frame 0: ");
        item = item ? item : item_name(names, f->data + at + HEAD);
        if (every) {
            flip_each(f, at, HEAD + n, every);
        } else {
            flip_some(f, rand, at, 4, few);
            flip_some(f, rand, at + 4, 4, few);
            flip_some(f, rand, at + HEAD, n, 2 * few);
        }
        at += HEAD + n;
        if (head >> 31) {
            last = item;
            item = NULL;
        }
    }
    g_assert_cmpstr(last, ==, "the VM description");
}

/* The header has no frame. */
static void flip_header(Flips *f)
{
    f->place = g_strdup("");
    flip_each(f, 0, HEADER, 1);
}

/* ---- the frame alone ---- */

#define BEHIND 64u /* bytes of the next frames, for lengths that grew; a longer one ends early */

/* Reads the frame at @at as the next one of a stream that is @state. */
static void flip_alone(Flips *f, const StreamIn *state, gsize at, gsize n, gsize bit)
{
    gsize len = MIN(n + BEHIND, f->n - at);
    g_autoptr(GError) error = NULL;
    StreamIn in;

    f->data[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
    g_autoptr(Channel) c = channel_new_buffer(f->data + at, len);
    stream_in_init(&in, c);
    in.format = STREAM_V4;
    in.sequence = state->sequence;
    in.item_frames = state->item_frames;
    g_strlcpy(in.after, state->after, sizeof(in.after));
    g_assert_false(stream_in_need(&in, 1, &error));
    f->data[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (!g_str_has_prefix(error->message, f->place) ||
        stream_in_available(&in) > STREAM_FRAME_MAX) {
        g_error("bit %zu behind byte %zu, '%s' is wanted: %s", bit, at, f->place, error->message);
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
    g_autoptr(GHashTable) names = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    StreamIn state = { .sequence = 0 };
    const char *item = NULL;

    for (gsize at = HEADER; at < f->n;) {
        uint32_t head = ld_be32(f->data + at);
        gsize n = HEAD + (head & ~(1u << 31));

        g_free(f->place);
        f->place =
            *state.after
                ? g_strdup_printf("frame %u (behind '%s'): ", (unsigned)state.sequence, state.after)
                : g_strdup_printf("frame %u: ", (unsigned)state.sequence);
        item = item ? item : item_name(names, f->data + at + HEAD);
        for (gsize bit = 0, step = all ? 1 : apart(f, n); bit < 8 * n; bit += step) {
            flip_alone(f, &state, at, n, bit);
        }
        state.item_frames++;
        state.sequence++;
        if (head >> 31) {
            g_strlcpy(state.after, item, sizeof(state.after));
            state.item_frames = 0;
            item = NULL;
        }
        at += n;
    }
    g_assert_cmpstr(state.after, ==, "the VM description");
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
    flip_frames(&f, rand, all ? 1 : 0);
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
