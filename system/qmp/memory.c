/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory: sizes, backends, RAM blocks, and saving ranges to a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory/backend.h"
#include "base/memory/space.h"
#include "base/util/size.h"
#include "hw/core/machine.h"
#include "hw/mem/pc-dimm.h"
#include "hw/misc/vmgenid.h"
#include "qmp.h"

static void add_size(Device *dev, void *opaque)
{
    *(uint64_t *)opaque += pc_dimm_size(PC_DIMM(dev));
}

Json *qmp_query_memory_size_summary(QmpCall *call, Json *args, GError **error)
{
    Machine *m = vm_machine(call->vm);
    Json *out = json_object_new_object();
    json_add_uint(out, "base-memory", m ? m->ram_bytes : 0);
    uint64_t plugged = 0;
    if (m && machine_ops(m)->visit_memory) {
        machine_ops(m)->visit_memory(m, add_size, &plugged);
    }
    json_add_uint(out, "plugged-memory", plugged);
    return out;
}

static void add_memdev(MemoryBackend *backend, void *opaque)
{
    MemoryBackendView v;
    memory_backend_view(backend, &v);
    Json *item = json_object_new_object();
    Json *nodes = json_object_new_array();
    json_add_str_opt(item, "id", v.id);
    json_add_uint(item, "size", v.size_bytes);
    json_add_bool(item, "merge", v.merge);
    json_add_bool(item, "dump", v.dump);
    json_add_bool(item, "prealloc", v.prealloc);
    json_add_bool(item, "share", v.share);
    json_add_bool(item, "reserve", v.reserve);
    for (unsigned i = 0; i < v.host_node_count; i++) {
        json_object_array_add(nodes, json_object_new_int(v.host_nodes[i]));
    }
    json_add(item, "host-nodes", nodes);
    json_add_str(item, "policy", v.policy);
    json_object_array_add(opaque, item);
}

Json *qmp_query_memdev(QmpCall *call, Json *args, GError **error)
{
    Json *list = json_object_new_array();
    memory_backend_foreach(call->vm, add_memdev, list);
    return list;
}

static void add_memory_device(Device *dev, void *opaque)
{
    const PcDimm *d = PC_DIMM(dev);
    g_autofree char *backend = object_path(d->backend);
    Json *data = json_object_new_object(), *item = json_object_new_object();
    json_add_str_opt(data, "id", dev->id);
    json_add_uint(data, "addr", d->addr);
    json_add_uint(data, "size", pc_dimm_size(d));
    json_add_int(data, "slot", d->slot);
    json_add_uint(data, "node", d->node);
    json_add_str(data, "memdev", backend);
    json_add_bool(data, "hotplugged", dev->hotplugged);
    json_add_bool(data, "hotpluggable", true);
    json_add_str(item, "type", pc_dimm_is_nvdimm(d) ? "nvdimm" : "dimm");
    json_add(item, "data", data);
    json_object_array_add(opaque, item);
}

Json *qmp_query_memory_devices(QmpCall *call, Json *args, GError **error)
{
    Machine *m = vm_machine(call->vm);
    Json *list = json_object_new_array();
    if (m && machine_ops(m)->visit_memory) {
        machine_ops(m)->visit_memory(m, add_memory_device, list);
    }
    return list;
}

Json *qmp_query_vm_generation_id(QmpCall *call, Json *args, GError **error)
{
    Device *dev = vmgenid_find(call->vm);
    if (!dev) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "VM Generation ID device not found");
        return NULL;
    }
    g_autofree char *guid = vmgenid_guid(dev);
    Json *info = json_object_new_object();
    json_add_str(info, "guid", guid);
    return info;
}

static void add_ost(const char *slot_type, unsigned slot, Device *dev, uint32_t source,
                    uint32_t status, void *opaque)
{
    g_autofree char *name = g_strdup_printf("%u", slot);
    Json *item = json_object_new_object();
    json_add_str_opt(item, "device", dev ? dev->id : NULL);
    json_add_str(item, "slot", name);
    json_add_str(item, "slot-type", slot_type);
    json_add_uint(item, "source", source);
    json_add_uint(item, "status", status);
    json_object_array_add(opaque, item);
}

Json *qmp_query_acpi_ospm_status(QmpCall *call, Json *args, GError **error)
{
    Machine *m = vm_machine(call->vm);
    if (!m || !machine_ops(m)->visit_ost) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "command is not supported, missing ACPI device");
        return NULL;
    }
    Json *list = json_object_new_array();
    machine_ops(m)->visit_ost(m, add_ost, list);
    return list;
}

static bool add_ramblock(RamBlock *block, void *opaque)
{
    g_autofree char *page = size_format(ram_block_page_size(block));
    g_string_append_printf(opaque,
                           "%24s %8s  0x%016" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIx64
                           " 0x%016" PRIxPTR " %3s\n",
                           ram_block_idstr(block), page, ram_block_addr(block),
                           ram_block_used_length(block), ram_block_max_length(block),
                           (uintptr_t)ram_block_host(block),
                           ram_block_flags(block) & RAM_READONLY ? "ro" : "rw");
    return true;
}

char *qmp_ramblock_text(Vm *vm)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "%24s %8s  %18s %18s %18s %18s %3s\n", "Block Name", "PSize",
                           "Offset", "Used", "Total", "HVA", "RO");
    ram_list_acquire(vm);
    ram_list_foreach(vm, add_ramblock, text);
    ram_list_release(vm);
    return g_string_free(text, FALSE);
}

Json *qmp_x_query_ramblock(QmpCall *call, Json *args, GError **error)
{
    g_autofree char *text = qmp_ramblock_text(call->vm);
    Json *out = json_object_new_object();
    json_add_str(out, "human-readable-text", text);
    return out;
}

/* ---- memsave, pmemsave ---- */

static bool write_all(int fd, const uint8_t *buf, size_t len, const char *name, GError **error)
{
    while (len) {
        ssize_t n = write(fd, buf, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "cannot write '%s': %s", name,
                        g_strerror(errno));
            return false;
        }
        buf += n;
        len -= n;
    }
    return true;
}

/* Copy guest memory at [addr, addr + size) to a file; cpu: by its virtual addresses. */
static void save(QmpCall *call, CpuState *cpu, Json *args, GError **error)
{
    const char *name = json_str(args, "filename", "");
    uint64_t addr = (uint64_t)json_int(args, "val", 0);
    int64_t size = json_int(args, "size", 0);
    uint8_t buf[4096];
    if (size < 0 || (size && addr + (uint64_t)size - 1 < addr)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "Invalid addr 0x%016" PRIx64 "/size %" PRId64 " specified", addr, size);
        return;
    }
    int fd = fd_sets_open(qmp_host(call)->fdsets, name, O_WRONLY | O_CREAT | O_TRUNC, 0666, error);
    if (fd < 0) {
        return;
    }
    for (uint64_t done = 0; done < (uint64_t)size;) {
        size_t n = MIN((uint64_t)size - done, sizeof(buf) - ((addr + done) & (sizeof(buf) - 1)));
        bool ok = cpu ? cpu_debug_rw(cpu, addr + done, buf, n, false)
                      : address_space_read(address_space_memory(call->vm), addr + done,
                                           MEM_ATTRS_NONE, buf, n) == MEM_OK;
        if (!ok) {
            g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                        "Invalid addr 0x%016" PRIx64 "/size %" PRId64 " specified", addr + done,
                        size);
            break;
        }
        if (!write_all(fd, buf, n, name, error)) {
            break;
        }
        done += n;
    }
    close(fd);
}

Json *qmp_memsave(QmpCall *call, Json *args, GError **error)
{
    CpuState *cpu = qmp_cpu_state(qmp_host(call), json_int(args, "cpu-index", 0), error);
    if (cpu) {
        save(call, cpu, args, error);
    }
    return NULL;
}

Json *qmp_pmemsave(QmpCall *call, Json *args, GError **error)
{
    save(call, NULL, args, error);
    return NULL;
}
