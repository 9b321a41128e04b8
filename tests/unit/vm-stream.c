/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See vm-stream.h. */
#include "vm-stream.h"
#include "base/util/endian.h"
#include "migration/ram-format.h"

#define RAM_ID 1

static void begin(Vm *vm, StreamOut *out, bool manifest)
{
    Migration *m = vm->migration;
    Outgoing session = { .m = m };

    m->out = &session; /* whose manifest it is */
    g_assert_true(stream_out_header(out, NULL) &&
                  save_configuration(out, m->host.machine_name, NULL, NULL) &&
                  (!manifest || save_manifest(m, out, false, NULL)));
    m->out = NULL;
}

/* RAM and the sections in parts: start and end. */
static void save_in_parts(Vm *vm, StreamOut *out)
{
    MigrationParams params = *migration_params_of(vm);
    bool done = false;

    vm_lock(vm);
    RamSave *ram = ram_save_new(vm, &params, false, NULL);
    vm_unlock(vm);
    g_assert_true(save_section_header(out, STREAM_SECTION_START, RAM_SECTION_ID_STR, 0, RAM_ID,
                                      RAM_SECTION_VERSION, NULL) &&
                  ram_save_setup(ram, out, NULL) && save_section_footer(out, RAM_ID, NULL) &&
                  save_parts(vm->migration, out, STREAM_SECTION_START, NULL) &&
                  save_command(out, COMMAND_SWITCHOVER_START, NULL, 0, NULL) &&
                  save_section_header(out, STREAM_SECTION_END, NULL, 0, RAM_ID, 0, NULL) &&
                  ram_save_pages(ram, out, UINT64_MAX, &done, NULL) &&
                  save_section_footer(out, RAM_ID, NULL) && done &&
                  save_parts(vm->migration, out, STREAM_SECTION_END, NULL));
    vm_lock(vm);
    ram_save_free(ram);
    vm_unlock(vm);
}

GBytes *vm_stream_save(Vm *vm, StreamFormat format, bool manifest)
{
    g_autoptr(Channel) c = channel_new_buffer("", 0);
    g_autoptr(GString) description = g_string_new("{\"devices\":[");
    StreamOut out;

    stream_out_init(&out, c, format);
    begin(vm, &out, manifest);
    save_in_parts(vm, &out);
    vm_lock(vm);
    g_assert_true(save_devices(vm->migration, &out, description, NULL));
    vm_unlock(vm);
    g_string_append(description, "]}");
    g_assert_true(stream_out_u8(&out, STREAM_EOF, NULL) && stream_out_end(&out, false, NULL) &&
                  stream_out_u8(&out, STREAM_DESCRIPTION, NULL) &&
                  stream_out_u32(&out, (uint32_t)description->len, NULL) &&
                  stream_out_bytes(&out, description->str, description->len, NULL) &&
                  stream_out_end(&out, true, NULL));
    stream_out_clear(&out);
    return channel_buffer_written(c);
}

void vm_stream_open(Incoming *in, Vm *vm, Channel *c)
{
    *in = (Incoming){ .m = vm->migration, .channel = c, .listen_fd = -1 };
    vm->migration->in = in;
    in->loaded = g_ptr_array_new_with_free_func(loaded_free);
    in->ram = ram_load_new(vm);
    stream_in_init(&in->in, c);
    in->in.may_be_unchecked = !has_cap(vm->migration->caps, MIGRATION_CAP_RAM_CHECKSUM);
}

void vm_stream_close(Incoming *in)
{
    in->m->in = NULL;
    stream_in_clear(&in->in);
    ram_load_free(in->ram);
    g_ptr_array_unref(in->loaded);
}

bool vm_stream_load(Vm *vm, Channel *c, GError **error)
{
    Incoming in;

    vm_stream_open(&in, vm, c);
    bool ok = load_stream(&in, error);
    if (ok) {
        vm_lock(vm);
        ok = load_install(&in, error);
        vm_unlock(vm);
    }
    vm_stream_close(&in);
    return ok;
}

GBytes *vm_stream_seal(GPtrArray *items)
{
    g_autoptr(Channel) c = channel_new_buffer("", 0);
    StreamOut out;

    stream_out_init(&out, c, STREAM_V4);
    stream_out_header(&out, NULL);
    for (guint i = 0; i < items->len; i++) {
        gsize n;
        const void *data = g_bytes_get_data(g_ptr_array_index(items, i), &n);

        if (n) {
            stream_out_bytes(&out, data, n, NULL);
            stream_out_end(&out, true, NULL);
        }
    }
    stream_out_clear(&out);
    return channel_buffer_written(c);
}

GPtrArray *vm_stream_items(GBytes *stream)
{
    gsize n;
    const uint8_t *p = g_bytes_get_data(stream, &n);
    GPtrArray *items = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GByteArray) item = g_byte_array_new();

    for (gsize at = 8; at + 8 <= n;) {
        uint32_t head = ld_be32(p + at), len = head & ~(1u << 31);

        if (len > n - at - 8) {
            break;
        }
        g_byte_array_append(item, p + at + 8, len);
        at += 8 + len;
        if (head >> 31) {
            g_ptr_array_add(items, g_bytes_new(item->data, item->len));
            g_byte_array_set_size(item, 0);
        }
    }
    return items;
}
