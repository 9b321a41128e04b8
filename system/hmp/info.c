/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The "info" commands: most are QMP queries put into words. */
#include <inttypes.h>
#include <string.h>

#include "backend/net/net.h"
#include "base/memory/space.h"
#include "base/util/version.h"
#include "exec/engine.h"
#include "hmp.h"
#include "hw/core/machine.h"
#include "hw/usb/usb.h"

typedef void (*ItemFn)(HmpCall *call, Json *item);

/* Run a query that returns a list and print each item. */
static void each(HmpCall *call, const char *command, ItemFn fn, const char *when_empty)
{
    g_autoptr(Json) list = hmp_qmp(call, command, NULL);
    size_t n =
        list && json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < n; i++) {
        fn(call, json_object_array_get_idx(list, i));
    }
    if (list && !n && when_empty) {
        hmp_printf(call, "%s\n", when_empty);
    }
}

void hmp_info_version(HmpCall *call)
{
    hmp_printf(call, "%s (Ferry %s)\n", ferry_interface_version(), ferry_version());
}

void hmp_info_status(HmpCall *call)
{
    RunState state = run_state_get(call->vm);
    bool running = run_state_running(call->vm);
    hmp_printf(call, "VM status: %s", running ? "running" : "paused");
    if (!running && state != RUN_STATE_PAUSED) {
        hmp_printf(call, " (%s)", run_state_name(state));
    }
    hmp_puts(call, "\n");
}

void hmp_info_name(HmpCall *call)
{
    if (call->vm->name) {
        hmp_printf(call, "%s\n", call->vm->name);
    }
}

void hmp_info_uuid(HmpCall *call)
{
    g_autoptr(Json) info = hmp_qmp(call, "query-uuid", NULL);
    hmp_printf(call, "%s\n", json_str(info, "UUID", ""));
}

void hmp_info_kvm(HmpCall *call)
{
    hmp_puts(call, "kvm support: not compiled\n");
}

static void cpu_item(HmpCall *call, Json *item)
{
    int64_t index = json_int(item, "cpu-index", 0);
    hmp_printf(call, "%c CPU #%" PRId64 ": thread_id=%" PRId64 "\n",
               index == call->cpu_index ? '*' : ' ', index, json_int(item, "thread-id", 0));
}

void hmp_info_cpus(HmpCall *call)
{
    each(call, "query-cpus-fast", cpu_item, NULL);
}

static void hotpluggable_item(HmpCall *call, Json *item)
{
    hmp_printf(call, "  type: \"%s\"\n  vcpus_count: \"%" PRId64 "\"\n", json_str(item, "type", ""),
               json_int(item, "vcpus-count", 0));
    if (json_has(item, "qom-path")) {
        hmp_printf(call, "  qom_path: \"%s\"\n", json_str(item, "qom-path", ""));
    }
    hmp_puts(call, "  CPUInstance Properties:\n");
    Json *props = json_member(item, "props");
    json_object_object_foreach(props, key, value)
    {
        hmp_printf(call, "    %s: \"%s\"\n", key, json_object_get_string(value));
    }
}

void hmp_info_hotpluggable_cpus(HmpCall *call)
{
    hmp_puts(call, "Hotpluggable CPUs:\n");
    each(call, "query-hotpluggable-cpus", hotpluggable_item, NULL);
}

typedef struct {
    GString *out;
} DumpCall;

static void dump_cpu(CpuState *cpu, void *opaque)
{
    if (cpu->ops->dump_state) {
        cpu->ops->dump_state(cpu, ((DumpCall *)opaque)->out);
    }
}

void hmp_info_registers(HmpCall *call)
{
    QmpHost *host = monitors_config(call->monitors)->host;
    GError *error = NULL;
    bool all = call->argc && !strcmp(call->argv[0], "-a");
    unsigned n = host->engine ? engine_cpu_count(host->engine) : 0;
    int64_t only = call->argc && !all ? g_ascii_strtoll(call->argv[0], NULL, 10) : call->cpu_index;
    if (!all && !qmp_cpu_state(host, only, &error)) {
        hmp_error(call, error);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        if (all || i == only) {
            DumpCall dump = { g_string_new(NULL) };
            cpu_run_on(engine_cpu(host->engine, i), dump_cpu, &dump);
            hmp_printf(call, "\nCPU#%u\n%s", i, dump.out->str);
            g_string_free(dump.out, TRUE);
        }
    }
}

void hmp_info_lapic(HmpCall *call)
{
    Machine *m = vm_machine(call->vm);
    int64_t n = call->argc ? g_ascii_strtoll(call->argv[0], NULL, 10) : MAX(call->cpu_index, 0);
    if (!m || !machine_ops(m)->describe_cpu_irqs || n < 0 || n >= m->cpus->len) {
        hmp_printf(call, "No local APIC\n");
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    machine_ops(m)->describe_cpu_irqs(m, (unsigned)n, text);
    hmp_puts(call, text->str);
}

void hmp_info_pic(HmpCall *call)
{
    Machine *m = vm_machine(call->vm);
    g_autoptr(GString) text = g_string_new(NULL);
    if (m && machine_ops(m)->describe_irqs) {
        machine_ops(m)->describe_irqs(m, text);
    }
    hmp_puts(call, text->str);
}

void hmp_info_mtree(HmpCall *call)
{
    g_autofree char *text = memory_describe(call->vm, call->argc && !strcmp(call->argv[0], "-f"));
    hmp_puts(call, text);
}

void hmp_info_qtree(HmpCall *call)
{
    g_autofree char *text = device_tree_describe(call->vm);
    hmp_puts(call, text);
}

void hmp_info_usb(HmpCall *call)
{
    g_autofree char *text = usb_describe(call->vm);
    hmp_puts(call, text);
}

static void object_tree(HmpCall *call, Object *obj, int indent)
{
    hmp_printf(call, "%*s/%s (%s)\n", indent, "", obj->name ? obj->name : "",
               object_type_name(obj));
    for (guint i = 0; obj->children && i < obj->children->len; i++) {
        object_tree(call, g_ptr_array_index(obj->children, i), indent + 2);
    }
}

void hmp_info_qom_tree(HmpCall *call)
{
    GError *error = NULL;
    Object *from = object_resolve(call->vm, call->argc ? call->argv[0] : "/machine", &error);
    if (from) {
        object_tree(call, from, 0);
    } else {
        hmp_error(call, error);
    }
}

static void block_item(HmpCall *call, Json *item)
{
    Json *in = json_member(item, "inserted");
    const char *device = json_str(item, "device", "");
    const char *node = json_str(in, "node-name", "");
    hmp_printf(call, "%s", *device ? device : "");
    if (*node) {
        hmp_printf(call, *device ? " (%s)" : "%s", node);
    }
    if (in) {
        hmp_printf(call, ": %s (%s%s)\n", json_str(in, "file", ""), json_str(in, "drv", ""),
                   json_flag(in, "ro", false) ? ", read-only" : "");
    } else {
        hmp_puts(call, ": [not inserted]\n");
    }
    if (json_has(item, "qdev")) {
        hmp_printf(call, "    Attached to:      %s\n", json_str(item, "qdev", ""));
    }
    if (json_flag(item, "removable", false)) {
        hmp_printf(call, "    Removable device: %slocked, tray %s\n",
                   json_flag(item, "locked", false) ? "" : "not ",
                   json_flag(item, "tray_open", false) ? "open" : "closed");
    }
    if (in) {
        Json *cache = json_member(in, "cache");
        hmp_printf(call, "    Cache mode:       %s%s%s\n",
                   json_flag(cache, "writeback", true) ? "writeback" : "writethrough",
                   json_flag(cache, "direct", false) ? ", direct" : "",
                   json_flag(cache, "no-flush", false) ? ", ignore flushes" : "");
    }
}

void hmp_info_block(HmpCall *call)
{
    each(call, "query-block", block_item, NULL);
}

static void blockstats_item(HmpCall *call, Json *item)
{
    static const char *const keys[] = { "rd_bytes",         "wr_bytes",
                                        "rd_operations",    "wr_operations",
                                        "flush_operations", "wr_total_time_ns",
                                        "rd_total_time_ns", "flush_total_time_ns",
                                        "rd_merged",        "wr_merged" };
    Json *stats = json_member(item, "stats");
    hmp_printf(call, "%s:", json_str(item, "device", ""));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        hmp_printf(call, " %s=%" PRId64, keys[i], json_int(stats, keys[i], 0));
    }
    hmp_puts(call, "\n");
}

void hmp_info_blockstats(HmpCall *call)
{
    each(call, "query-blockstats", blockstats_item, NULL);
}

static void net_item(NetClient *client, bool is_nic, void *opaque)
{
    HmpCall *call = opaque;
    NetClient *peer = net_client_peer(client);
    if (!is_nic && peer) {
        return; /* shown below its NIC */
    }
    hmp_printf(call, "%s: type=%s,%s\n", net_client_name(client),
               is_nic ? "nic,model" : net_client_model(client),
               net_client_info(client) ? net_client_info(client) : "");
    if (peer) {
        hmp_printf(call, " \\ %s: type=%s,%s\n", net_client_name(peer), net_client_model(peer),
                   net_client_info(peer) ? net_client_info(peer) : "");
    }
}

void hmp_info_network(HmpCall *call)
{
    if (call->vm->nets) {
        nets_foreach(vm_nets(call->vm), net_item, call);
    }
}

static void chardev_item(HmpCall *call, Json *item)
{
    hmp_printf(call, "%s: filename=%s\n", json_str(item, "label", ""),
               json_str(item, "filename", ""));
}

void hmp_info_chardev(HmpCall *call)
{
    each(call, "query-chardev", chardev_item, NULL);
}

static void pci_device(HmpCall *call, Json *dev)
{
    Json *class_info = json_member(dev, "class_info");
    Json *id = json_member(dev, "id");
    hmp_printf(call, "  Bus %2" PRId64 ", device %3" PRId64 ", function %" PRId64 ":\n    ",
               json_int(dev, "bus", 0), json_int(dev, "slot", 0), json_int(dev, "function", 0));
    if (json_has(class_info, "desc")) {
        hmp_puts(call, json_str(class_info, "desc", ""));
    } else {
        hmp_printf(call, "Class %04" PRIx64, json_int(class_info, "class", 0));
    }
    hmp_printf(call, ": PCI device %04" PRIx64 ":%04" PRIx64 "\n", json_int(id, "vendor", 0),
               json_int(id, "device", 0));
    if (json_int(dev, "irq_pin", 0)) {
        hmp_printf(call, "      IRQ %" PRId64 ", pin %c\n", json_int(dev, "irq", 0),
                   (char)('A' + json_int(dev, "irq_pin", 1) - 1));
    }
    Json *regions = json_member(dev, "regions");
    for (size_t i = 0; i < json_object_array_length(regions); i++) {
        Json *r = json_object_array_get_idx(regions, i);
        int64_t addr = json_int(r, "address", 0);
        hmp_printf(call, "      BAR%" PRId64 ": %s at 0x%" PRIx64 " [0x%" PRIx64 "].\n",
                   json_int(r, "bar", 0), json_str(r, "type", ""), addr,
                   addr + json_int(r, "size", 1) - 1);
    }
    hmp_printf(call, "      id \"%s\"\n", json_str(dev, "qdev_id", ""));
    Json *below = json_member(json_member(dev, "pci_bridge"), "devices");
    for (size_t i = 0; below && i < json_object_array_length(below); i++) {
        pci_device(call, json_object_array_get_idx(below, i));
    }
}

static void pci_bus(HmpCall *call, Json *bus)
{
    Json *devices = json_member(bus, "devices");
    for (size_t i = 0; i < json_object_array_length(devices); i++) {
        pci_device(call, json_object_array_get_idx(devices, i));
    }
}

void hmp_info_pci(HmpCall *call)
{
    each(call, "query-pci", pci_bus, "No PCI buses");
}

void hmp_info_ramblock(HmpCall *call)
{
    g_autofree char *text = qmp_ramblock_text(call->vm);
    hmp_puts(call, text);
}

static void memdev_item(HmpCall *call, Json *item)
{
    hmp_printf(call,
               "memory backend: %s\n  size:  %" PRId64 "\n  merge: %s\n  dump: %s\n"
               "  prealloc: %s\n  share: %s\n  policy: %s\n",
               json_str(item, "id", ""), json_int(item, "size", 0),
               json_flag(item, "merge", false) ? "true" : "false",
               json_flag(item, "dump", false) ? "true" : "false",
               json_flag(item, "prealloc", false) ? "true" : "false",
               json_flag(item, "share", false) ? "true" : "false", json_str(item, "policy", ""));
}

void hmp_info_memdev(HmpCall *call)
{
    each(call, "query-memdev", memdev_item, NULL);
}

void hmp_info_memory_size_summary(HmpCall *call)
{
    g_autoptr(Json) info = hmp_qmp(call, "query-memory-size-summary", NULL);
    if (info) {
        hmp_printf(call, "base memory: %" PRId64 "\nplugged memory: %" PRId64 "\n",
                   json_int(info, "base-memory", 0), json_int(info, "plugged-memory", 0));
    }
}

void hmp_info_memory_devices(HmpCall *call)
{
}

/* Images live in ROM regions; a list of loaded ones is the loader's and not public yet. */
void hmp_info_roms(HmpCall *call)
{
    g_autofree char *text = qmp_ramblock_text(call->vm);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (g_str_has_suffix(*line, " ro")) {
            hmp_printf(call, "%s\n", *line);
        }
    }
}

static void mouse_item(HmpCall *call, Json *item)
{
    hmp_printf(call, "%c Mouse #%" PRId64 ": %s%s\n", json_flag(item, "current", false) ? '*' : ' ',
               json_int(item, "index", 0), json_str(item, "name", ""),
               json_flag(item, "absolute", false) ? " (absolute)" : "");
}

void hmp_info_mice(HmpCall *call)
{
    each(call, "query-mice", mouse_item, "No mouse devices connected");
}

void hmp_info_balloon(HmpCall *call)
{
    g_autoptr(Json) info = hmp_qmp(call, "query-balloon", NULL);
    if (info) {
        hmp_printf(call, "balloon: actual=%" PRId64 "\n", json_int(info, "actual", 0) >> 20);
    }
}

static void iothread_item(HmpCall *call, Json *item)
{
    hmp_printf(call, "%s:\n  thread_id=%" PRId64 "\n", json_str(item, "id", ""),
               json_int(item, "thread-id", 0));
}

void hmp_info_iothreads(HmpCall *call)
{
    each(call, "query-iothreads", iothread_item, NULL);
}

void hmp_info_jit(HmpCall *call)
{
    QmpHost *host = monitors_config(call->monitors)->host;
    ExecStats stats = { 0 };
    if (host->engine) {
        engine_stats(host->engine, &stats);
    }
    hmp_printf(call,
               "translations        %" PRIu64 "\ninvalidations       %" PRIu64
               "\ncache flushes       %" PRIu64 "\nTLB flushes         %" PRIu64
               "\ngenerated bytes     %" PRIu64 "\nhot regions         %" PRIu64
               "\nguest instructions  %" PRIu64 "\nguest bytes         %" PRIu64
               "\nnative code bytes   %" PRIu64 "\n",
               stats.translations, stats.invalidations, stats.tb_flushes, stats.tlb_flushes,
               stats.tb_bytes, stats.hot, stats.insns, stats.guest_bytes, stats.native_bytes);
}

static void trace_item(HmpCall *call, Json *item)
{
    hmp_printf(call, "%s : state %d\n", json_str(item, "name", ""),
               !strcmp(json_str(item, "state", ""), "enabled"));
}

void hmp_info_trace_events(HmpCall *call)
{
    Json *args = json_object_new_object();
    json_add_str(args, "name", call->argc ? call->argv[0] : "*");
    g_autoptr(Json) list = hmp_qmp(call, "trace-event-get-state", args);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        trace_item(call, json_object_array_get_idx(list, i));
    }
}
