/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "usb-storage": a disk behind USB Mass Storage Class, Bulk-Only Transport 1.0. Commands run on a unit of a
 * SCSI bus of its own; their data go through a buffer, so that the unit never waits for the host.
 *
 *   CBW ---no data----------------------------> CSW
 *    |---to the host: the command runs -> DATA_IN ---> CSW
 *    |---to the disk: DATA_OUT, all of it there: the command runs -> CSW
 *
 * Whoever asks while the command runs is told to come again (USB_NAK).
 */
#include <string.h>

#include "base/util/endian.h"
#include "hw/usb/usb.h"
#include "scsi-priv.h"

#define EP_IN          1
#define EP_OUT         2
#define CBW_SIGNATURE  0x43425355u
#define CSW_SIGNATURE  0x53425355u
#define CBW_BYTES      31u
#define CSW_BYTES      13u
#define DATA_BYTES_MAX (16u << 20) /* of one command */
enum {
    GET_MAX_LUN = 0xfe,
    RESET_TRANSPORT = 0xff,
    CLASS_IN = 0xa1,
    CLASS_OUT = 0x21,
};

typedef enum { /* as they travel */
    MODE_CBW,
    MODE_DATA_OUT,
    MODE_DATA_IN,
    MODE_CSW,
    MODE_MAX = MODE_CSW,
} Mode;

typedef struct UsbStorage UsbStorage;

/* Outlives a reset while its unit works on it: then nobody waits for it any more. */
typedef struct {
    ScsiRequest scsi; /* first */
    UsbStorage *host; /* NULL: nobody waits */
    struct iovec iov;
    uint8_t *data; /* owned */
    uint32_t len;  /* of data, as the host announced it */
    bool running;
} Command;

typedef struct {
    uint32_t sig, tag, residue;
    uint8_t status;
} Csw;

struct UsbStorage {
    UsbDevice usb; /* first */
    /* properties, those of the unit */
    char *drive;
    bool removable, share_rw, commandlog;
    int32_t bootindex;
    int werror, rerror;
    OnOffAuto write_cache, account_invalid, account_failed, backend_defaults;
    uint64_t logical_block_size, physical_block_size, min_io_size, opt_io_size;
    uint64_t discard_granularity;
    /* state */
    ScsiBus *bus;
    Mode mode;
    uint32_t at; /* bytes of the data that were moved over the bus */
    Csw csw;
    Command *command; /* owned; NULL: none, or none that is known */
    bool restart;     /* it came with a migration and is to run again */
    RunStateHandler *run_handler;
};

/* ---- descriptors ---- */

#define CONFIG_BYTES    (9 + 9 + 2 * 7)
#define CONFIG_BYTES_SS (CONFIG_BYTES + 2 * 6)
#define BULK(bytes)                                              \
    USB_ENDPOINT(USB_DIR_IN | EP_IN, USB_KIND_BULK, (bytes), 0), \
        USB_ENDPOINT(EP_OUT, USB_KIND_BULK, (bytes), 0)
static const uint8_t full_speed[] = { USB_CONFIG(CONFIG_BYTES, 4, 0xc0, 0),
                                      USB_INTERFACE(2, 8, 6, 0x50, 0), BULK(64) };
static const uint8_t high_speed[] = { USB_CONFIG(CONFIG_BYTES, 5, 0xc0, 0),
                                      USB_INTERFACE(2, 8, 6, 0x50, 0), BULK(512) };
static const uint8_t super_speed[] = {
    USB_CONFIG(CONFIG_BYTES_SS, 6, 0xc0, 0),
    USB_INTERFACE(2, 8, 6, 0x50, 0),
    USB_ENDPOINT(USB_DIR_IN | EP_IN, USB_KIND_BULK, 1024, 0),
    USB_COMPANION(15),
    USB_ENDPOINT(EP_OUT, USB_KIND_BULK, 1024, 0),
    USB_COMPANION(15),
};
static const char *const strings[] = {
    "QEMU",
    "QEMU USB HARDDRIVE",
    "1",
    "Full speed config (usb 1.1)",
    "High speed config (usb 2.0)",
    "Super speed config (usb 3.0)",
};
static const UsbDesc storage_desc = {
    .vendor = 0x46f4,
    .product = 0x0001,
    .i_manufacturer = 1,
    .i_product = 2,
    .i_serial = 3,
    .speeds = { [USB_SPEED_FULL] = { 0x0200, 8, full_speed, sizeof(full_speed) },
                [USB_SPEED_HIGH] = { 0x0200, 64, high_speed, sizeof(high_speed) },
                [USB_SPEED_SUPER] = { 0x0300, 9, super_speed, sizeof(super_speed) } },
    .strings = strings,
    .n_strings = G_N_ELEMENTS(strings),
};

/* ---- commands ---- */

static void command_free(Command *c)
{
    g_free(c->data);
    g_free(c);
}

static Command *command_new(UsbStorage *s, const uint8_t *cdb, uint32_t len, bool to_device)
{
    Command *c = g_new0(Command, 1);

    c->data = g_try_malloc0(MAX(len, 1));
    if (!c->data) {
        g_free(c);
        return NULL;
    }
    c->host = s;
    c->len = len;
    c->iov = (struct iovec){ c->data, len };
    memcpy(c->scsi.cdb, cdb, SCSI_CDB_BYTES);
    c->scsi.bus = s->bus;
    c->scsi.to_device = to_device;
    c->scsi.iov = &c->iov;
    c->scsi.niov = len ? 1 : 0;
    return c;
}

static void finish_csw(UsbStorage *s, uint64_t moved, uint8_t status)
{
    s->csw.residue -= (uint32_t)MIN(moved, s->csw.residue);
    s->csw.status = status;
}

static void command_done(ScsiBus *bus, ScsiRequest *req)
{
    Command *c = (Command *)req;
    UsbStorage *s = c->host;

    c->running = false;
    if (!s) {
        command_free(c);
        return;
    }
    uint8_t status = req->outcome != SCSI_DONE ? 2 : req->status != SCSI_GOOD ? 1 : 0;
    finish_csw(s, req->moved, status);
    usb_wakeup(&s->usb, EP_IN, true);
}

static void start(UsbStorage *s)
{
    Command *c = s->command;

    c->scsi.dev = scsi_find_target(s->bus, 0, 0, 0);
    if (!c->scsi.dev) { /* the unit goes */
        finish_csw(s, 0, 1);
        return;
    }
    c->running = true;
    scsi_start(&c->scsi);
}

static void drop_command(UsbStorage *s)
{
    Command *c = s->command;

    s->command = NULL;
    s->restart = false;
    if (!c) {
        return;
    }
    c->host = NULL;
    if (!c->running) {
        command_free(c);
    } else {
        scsi_abort(&c->scsi); /* what is under way ends by itself */
    }
}

static void transport_reset(UsbStorage *s)
{
    drop_command(s);
    s->mode = MODE_CBW;
    s->at = 0;
    s->csw = (Csw){ 0 };
}

/* ---- transfers ---- */

static UsbResult take_cbw(UsbStorage *s, const uint8_t *cbw, uint32_t len)
{
    uint32_t data_len = len == CBW_BYTES ? ld_le32(cbw + 8) : 0;
    uint8_t cdb[SCSI_CDB_BYTES] = { 0 };

    if (len != CBW_BYTES || ld_le32(cbw) != CBW_SIGNATURE || cbw[13] || !cbw[14] ||
        cbw[14] > sizeof(cdb) || data_len > DATA_BYTES_MAX) {
        return USB_STALL;
    }
    memcpy(cdb, cbw + 15, cbw[14]);
    drop_command(s);
    s->command = command_new(s, cdb, data_len, data_len && !(cbw[12] & 0x80));
    if (!s->command) {
        return USB_STALL;
    }
    s->csw = (Csw){ CSW_SIGNATURE, ld_le32(cbw + 4), data_len, 0 };
    s->at = 0;
    s->mode = !data_len ? MODE_CSW : s->command->scsi.to_device ? MODE_DATA_OUT : MODE_DATA_IN;
    if (s->mode != MODE_DATA_OUT) {
        start(s);
    }
    return USB_OK;
}

static UsbResult take_data(UsbStorage *s, const uint8_t *data, uint32_t len)
{
    Command *c = s->command;

    if (len > c->len - s->at) {
        return USB_STALL;
    }
    memcpy(c->data + s->at, data, len);
    s->at += len;
    if (s->at == c->len) {
        s->mode = MODE_CSW;
        start(s);
    }
    return USB_OK;
}

static UsbResult storage_out(UsbDevice *dev, unsigned ep, const uint8_t *data, uint32_t len)
{
    UsbStorage *s = (UsbStorage *)dev;

    if (ep != EP_OUT) {
        return USB_STALL;
    }
    switch (s->mode) {
    case MODE_CBW: return take_cbw(s, data, len);
    case MODE_DATA_OUT: return take_data(s, data, len);
    default: return USB_STALL;
    }
}

/* What the command had to say; then, as a short packet, that there is no more. */
static UsbResult give_data(UsbStorage *s, uint8_t *data, uint32_t *len)
{
    const Command *c = s->command;
    uint32_t left = c ? (uint32_t)c->scsi.moved - s->at : 0, n = MIN(*len, left);

    if (n) {
        memcpy(data, c->data + s->at, n);
    }
    s->at += n;
    if (n < *len || !c || s->at == c->len) {
        s->mode = MODE_CSW;
    }
    *len = n;
    return USB_OK;
}

static UsbResult give_csw(UsbStorage *s, uint8_t *data, uint32_t *len)
{
    if (*len < CSW_BYTES) {
        return USB_STALL;
    }
    st_le32(data, CSW_SIGNATURE);
    st_le32(data + 4, s->csw.tag);
    st_le32(data + 8, s->csw.residue);
    data[12] = s->csw.status;
    *len = CSW_BYTES;
    drop_command(s);
    s->csw = (Csw){ 0 };
    s->mode = MODE_CBW;
    return USB_OK;
}

static UsbResult storage_in(UsbDevice *dev, unsigned ep, uint8_t *data, uint32_t *len)
{
    UsbStorage *s = (UsbStorage *)dev;

    if (ep != EP_IN) {
        return USB_STALL;
    }
    if (s->restart || (s->command && s->command->running)) {
        return USB_NAK;
    }
    switch (s->mode) {
    case MODE_DATA_IN: return give_data(s, data, len);
    case MODE_CSW: return give_csw(s, data, len);
    default: return USB_STALL;
    }
}

static UsbResult storage_control(UsbDevice *dev, const UsbSetup *setup, uint8_t *data,
                                 uint32_t *len)
{
    switch (usb_setup_code(setup)) {
    case USB_REQUEST(CLASS_IN, GET_MAX_LUN):
        *len = MIN(*len, 1);
        memset(data, 0, *len);
        return USB_OK;
    case USB_REQUEST(CLASS_OUT, RESET_TRANSPORT): transport_reset((UsbStorage *)dev); return USB_OK;
    default: return USB_STALL;
    }
}

static void storage_reset(UsbDevice *dev)
{
    transport_reset((UsbStorage *)dev);
}

/* ---- the VM stops and runs ---- */

static bool run_changed(void *opaque, bool running, RunState state, GError **error)
{
    UsbStorage *s = opaque;

    if (!running) {
        scsi_bus_drain(s->bus);
        return true;
    }
    scsi_bus_run(s->bus);
    if (s->restart) {
        s->restart = false;
        start(s);
        usb_wakeup(&s->usb, EP_IN, true);
    }
    return true;
}

/* ---- life ---- */

static bool forward(UsbStorage *s, Device *unit, GError **error)
{
    static const char *const names[] = {
        "drive",
        "share-rw",
        "bootindex",
        "werror",
        "rerror",
        "write-cache",
        "account-invalid",
        "account-failed",
        "backend_defaults",
        "logical_block_size",
        "physical_block_size",
        "min_io_size",
        "opt_io_size",
        "discard_granularity",
        "serial",
        "removable",
    };
    bool cd = g_str_equal(object_type_name(&unit->obj), "scsi-cd");

    for (unsigned i = 0; i < G_N_ELEMENTS(names) - cd; i++) {
        g_autoptr(GVariant) value = object_get(&s->usb.dev.obj, names[i], error);

        if (!value) {
            return false;
        }
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
            !*g_variant_get_string(value, NULL)) {
            continue; /* not set */
        }
        if (!object_set(&unit->obj, names[i], value, error)) {
            return false;
        }
    }
    return true;
}

static bool make_unit(UsbStorage *s, GError **error)
{
    Vm *vm = device_vm(&s->usb.dev);
    BlockDrive *drive = vm->blocks ? blocks_find_drive(vm_blocks(vm), s->drive) : NULL;
    bool cd = drive && block_drive_info(drive)->cdrom;
    Device *unit = device_new(vm, cd ? "scsi-cd" : "scsi-hd", error);
    g_autoptr(Object) hold = unit ? &unit->obj : NULL;

    return unit && forward(s, unit, error) && device_realize(unit, &s->bus->bus, NULL, error);
}

static const ScsiHostOps host_ops = { .done = command_done };

static bool storage_realize(UsbDevice *dev, GError **error)
{
    UsbStorage *s = (UsbStorage *)dev;
    g_autofree char *name = NULL;

    if (!s->drive || !*s->drive) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "drive property not set");
        return false;
    }
    name = dev->dev.id ? g_strdup_printf("%s.0", dev->dev.id)
                       : g_strdup_printf("usb-storage-%u.0", dev->port + 1);
    s->bus = scsi_bus_new(&dev->dev, name, &host_ops, s, false);
    if (!make_unit(s, error)) {
        return false;
    }
    s->run_handler = run_state_handler_add(device_vm(&dev->dev), RUN_PRIORITY_DEVICE, "usb-storage",
                                           run_changed, s);
    return true;
}

/* The unit has gone before, with all that it worked on. */
static void storage_unrealize(UsbDevice *dev)
{
    UsbStorage *s = (UsbStorage *)dev;

    run_state_handler_remove(device_vm(&dev->dev), s->run_handler);
    drop_command(s);
}

/* ---- saved form: "usb-storage" version 1 ---- */

typedef struct {
    UsbDeviceSaved dev;
    uint32_t mode, scsi_len, scsi_off, data_len;
    Csw csw;
    /* "usb-storage/command" */
    bool has_command;
    uint8_t cdb[SCSI_CDB_BYTES];
    bool to_device, running;
    uint32_t at, moved, len;
    uint8_t *data;
} StorageSaved;

static bool command_needed(const void *saved)
{
    return ((const StorageSaved *)saved)->has_command;
}

static const Record command_record = {
    .name = "usb-storage/command",
    .version = 1,
    .min_version = 1,
    .size = sizeof(StorageSaved),
    .fields = (const Field[]){ F_BUFFER(StorageSaved, cdb),
                               F_BOOL(StorageSaved, to_device),
                               F_BOOL(StorageSaved, running),
                               F_U32(StorageSaved, at, .max = DATA_BYTES_MAX),
                               F_U32(StorageSaved, moved, .max = DATA_BYTES_MAX),
                               F_U32(StorageSaved, len, .max = DATA_BYTES_MAX),
                               { .name = "data",
                                 .kind = FIELD_VBUFFER,
                                 .size = sizeof(uint8_t *),
                                 .offset = offsetof(StorageSaved, data),
                                 .max_len = DATA_BYTES_MAX,
                                 .count_offset = offsetof(StorageSaved, len) },
                               F_END },
    .needed = command_needed,
    .has_present = true,
    .present_offset = offsetof(StorageSaved, has_command),
};

static const Record storage_record = {
    .name = "usb-storage",
    .version = 1,
    .min_version = 1,
    .size = sizeof(StorageSaved),
    .fields = (const Field[]){ F_USB_DEVICE(StorageSaved, dev),
                               F_U32(StorageSaved, mode, .max = MODE_MAX),
                               F_U32(StorageSaved, scsi_len), F_U32(StorageSaved, scsi_off),
                               F_U32(StorageSaved, data_len), F_U32(StorageSaved, csw.sig),
                               F_U32(StorageSaved, csw.tag), F_U32(StorageSaved, csw.residue),
                               F_U8(StorageSaved, csw.status, .max = 2), F_END },
    .subsections = (const Record *const[]){ &command_record, NULL },
};

static void storage_save(void *owner, void *saved)
{
    const UsbStorage *s = owner;
    const Command *c = s->command;
    StorageSaved *out = saved;

    usb_device_save(&s->usb, &out->dev);
    out->mode = s->mode;
    out->csw = s->csw;
    out->data_len = c ? c->len - MIN(s->at, c->len) : 0;
    /* A command that has ended and whose data were taken is in the CSW. */
    if (!c || (s->mode == MODE_CSW && !c->running && !s->restart)) {
        return;
    }
    out->has_command = true;
    memcpy(out->cdb, c->scsi.cdb, sizeof(out->cdb));
    out->to_device = c->scsi.to_device;
    out->running = c->running || s->restart;
    out->at = s->at;
    out->moved = out->running ? 0 : (uint32_t)c->scsi.moved;
    out->len = c->len;
    out->data = g_memdup2(c->data, c->len);
}

static bool storage_check(void *owner, const void *saved, GError **error)
{
    const StorageSaved *in = saved;
    bool ok = in->has_command ? in->mode != MODE_CBW && in->at <= in->len && in->moved <= in->len &&
                                    (in->mode != MODE_DATA_IN || in->running || in->at <= in->moved)
                              : in->mode == MODE_CBW || in->mode == MODE_CSW;

    if (!ok) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "USB storage in phase %u %s a command, %u of %u bytes moved, %u made", in->mode,
                    in->has_command ? "with" : "without", in->at, in->len, in->moved);
        return false;
    }
    return usb_device_check(&in->dev, error);
}

static void storage_install(void *owner, const void *saved)
{
    UsbStorage *s = owner;
    const StorageSaved *in = saved;

    usb_device_install(&s->usb, &in->dev);
    transport_reset(s);
    s->mode = (Mode)in->mode;
    s->csw = in->csw;
    s->at = in->at;
    if (!in->has_command) {
        return;
    }
    s->command = command_new(s, in->cdb, in->len, in->to_device);
    if (!s->command) { /* no memory for it: the guest sees a failed command */
        s->mode = MODE_CSW;
        s->csw.status = 1;
        return;
    }
    if (in->len) {
        memcpy(s->command->data, in->data, in->len);
    }
    s->command->scsi.moved = in->moved;
    s->restart = in->running;
}

static const SectionOps section_ops = { storage_save, storage_check, storage_install, NULL };
static const SectionDesc storage_section = { .record = &storage_record, .ops = &section_ops };

/* ---- type ---- */

static const UsbDeviceOps storage_ops = {
    .dev = { USB_DEVICE_BASE, .section = &storage_section },
    .product = "QEMU USB MSD",
    .desc = &storage_desc,
    .realize = storage_realize,
    .unrealize = storage_unrealize,
    .reset = storage_reset,
    .control = storage_control,
    .out = storage_out,
    .in = storage_in,
};

static const Property storage_props[] = {
    PROP(PROP_NAME, UsbStorage, drive, "drive", NULL, .link_type = "drive"),
    PROP(PROP_BOOL, UsbStorage, removable, "removable", "off"),
    PROP(PROP_BOOL, UsbStorage, share_rw, "share-rw", "off"),
    PROP(PROP_BOOL, UsbStorage, commandlog, "commandlog", "off"),
    PROP(PROP_I32, UsbStorage, bootindex, "bootindex", "-1"),
    PROP(PROP_ENUM, UsbStorage, werror, "werror", "auto", .choices = block_on_error_names,
         .link_type = "BlockdevOnError"),
    PROP(PROP_ENUM, UsbStorage, rerror, "rerror", "auto", .choices = block_on_error_names,
         .link_type = "BlockdevOnError"),
    PROP(PROP_ONOFFAUTO, UsbStorage, write_cache, "write-cache", "auto"),
    PROP(PROP_ONOFFAUTO, UsbStorage, account_invalid, "account-invalid", "auto"),
    PROP(PROP_ONOFFAUTO, UsbStorage, account_failed, "account-failed", "auto"),
    PROP(PROP_ONOFFAUTO, UsbStorage, backend_defaults, "backend_defaults", "auto"),
    PROP(PROP_SIZE, UsbStorage, logical_block_size, "logical_block_size", "0"),
    PROP(PROP_SIZE, UsbStorage, physical_block_size, "physical_block_size", "0"),
    PROP(PROP_SIZE, UsbStorage, min_io_size, "min_io_size", "0", .max = 1 << 25),
    PROP(PROP_SIZE, UsbStorage, opt_io_size, "opt_io_size", "0", .max = 1 << 30),
    PROP(PROP_SIZE, UsbStorage, discard_granularity, "discard_granularity", "4294967295"),
    PROP_END,
};

const TypeInfo usb_storage_types[] = {
    { .name = "usb-storage",
      .parent = TYPE_USB_DEVICE,
      .description = "USB disk",
      .instance_size = sizeof(UsbStorage),
      .props = storage_props,
      .ops = &storage_ops },
};
const size_t usb_storage_types_count = G_N_ELEMENTS(usb_storage_types);
