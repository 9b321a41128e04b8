/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vocabulary of migrated state: records, fields, subsections.
 *
 * A device's migrated state is a plain struct of its own (the *saved form*, fixed-size integers,
 * in the units of the wire) that a const Record describes field by field. The device gives three
 * functions (SectionOps): `save` fills the saved form from the live device, `check` refuses a
 * saved form that could hurt, `install` makes it the live state and cannot fail. The codec
 * moves bytes between a saved form and the wire; it never sees the live device.
 *
 * Order at load: every section of the stream is decoded and checked before any is installed.
 * Integers are big-endian on the wire. Names are those of QEMU 10.0 where it has the device.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Vm Vm;
typedef struct Record Record;
typedef struct Field Field;

typedef enum {
    FIELD_END = 0,
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_I8,
    FIELD_I16,
    FIELD_I32,
    FIELD_I64,
    FIELD_BOOL,    /* one byte 0/1; the member is bool */
    FIELD_TIMER,   /* int64_t expiry in ns of the timer's clock; -1: not armed */
    FIELD_BUFFER,  /* `size` raw bytes in the struct */
    FIELD_UNUSED,  /* `size` bytes of zero on the wire, nothing in the struct, ignored on load */
    FIELD_STRUCT,  /* embedded struct of `record` */
    FIELD_POINTER, /* pointer to an allocated struct of `record`, or NULL: see decode.c */
    FIELD_VBUFFER, /* uint8_t * of length in member at `count_offset` (uint32_t), g_malloc'd */
    FIELD_LIST,    /* GPtrArray * of structs of `record`: 01 before each, 00 at the end */
} FieldKind;

/* Extra duties of a field. */
typedef enum {
    FIELD_EQUAL = 1 << 0,   /* the value must equal what `save` of the receiver gives */
    FIELD_AT_MOST = 1 << 1, /* it must be <= that */
    FIELD_LOCAL = 1 << 3, /* not on the wire: load copies what `save` of the receiver gives, so that
                               `present` and counts may depend on the receiver's configuration */
    FIELD_VARRAY = 1 << 2, /* `count` is a maximum; the number is in the member at count_offset */
    FIELD_GATED = 1 << 4,  /* `present` follows from FIELD_LOCAL members alone: a compat property */
    FIELD_FIXED = 1 << 5,  /* with FIELD_GATED: and from where the device is plugged: for good */
} FieldFlags;

struct Field {
    const char *name; /* as in the VM description */
    FieldKind kind;
    uint8_t flags;       /* FieldFlags */
    size_t offset;       /* in the saved form */
    size_t size;         /* bytes of one element in the struct (BUFFER, UNUSED: the total) */
    uint32_t count;      /* array elements; 0: not an array */
    size_t count_offset; /* VARRAY, VBUFFER: offset of the count in the saved form */
    uint8_t count_bytes; /* its size: 1, 2 or 4; 0: 4 */
    uint64_t min, max;   /* integers: allowed range (as unsigned); both 0: any */
    uint32_t max_len;    /* VBUFFER, LIST: limit */
    uint32_t since;      /* present from this record version on */
    bool (*present)(const void *saved, uint32_t version); /* NULL: always */
    const Record *record;                                 /* STRUCT, POINTER, LIST */
    const char *wire_type; /* type name in the VM description when not the kind's usual one */
};

/* What becomes of a subsection that this process cannot honour. */
typedef enum {
    SUBSECTION_FAIL, /* the migration is refused */
    SUBSECTION_WARN, /* it is left out, as if it had not come, and query-migrate tells */
} SubsectionPolicy;

#define RECORD_SUBSECTIONS_MAX 64

struct Record {
    const char *name; /* "mc146818rtc"; a subsection: "<parent>/<leaf>" */
    uint32_t version, min_version;
    size_t size;                      /* sizeof the saved form that the offsets refer to */
    const Field *fields;              /* FIELD_END-terminated */
    const Record *const *subsections; /* NULL-terminated; they share the parent's saved form */
    /* Is it to be sent? A subsection must have one; a section without is always sent. @saved is the filled saved form. */
    bool (*needed)(const void *saved);
    /* Subsections behind a compat property: does this machine know it at all? NULL: yes. @saved is what `save`
       fills. Where not, it is neither sent nor dumped; when it comes it is refused like any unknown one, unless it
       has `supported`, which then decides. */
    bool (*gate)(const void *saved);
    /* Subsections only: marks in the saved form that it was received (may be NULL). */
    size_t present_offset; /* offset of a bool that load sets to true, valid if has_present */
    bool has_present;
    bool legacy_name; /* its name does not start with "<parent>/", as QEMU ships it */
    /* Can this process honour it (a CPU feature, an ability of the accelerator, a setting)? NULL: yes. @owner
       is the section's; what is asked does not change while a migration runs. The error names what is missing. */
    bool (*supported)(void *owner, GError **error);
    SubsectionPolicy policy;
};

/* What a section does with its saved form. @owner is the live device; VM lock held, VM stopped. */
typedef struct {
    void (*save)(void *owner, void *saved);
    /* May be NULL: nothing to check. Changes nothing. */
    bool (*check)(void *owner, const void *saved, GError **error);
    void (*install)(void *owner, const void *saved);
    /* Called after every section is installed, before the guest may run (re-evaluate level lines,
       re-arm timers); NULL: nothing. */
    void (*installed)(void *owner);
    /* Then, while the source could still take the guest back: does whatever may fail before the guest can
       run here. What it did is undone by a reset. NULL: nothing. */
    bool (*prepare_to_run)(void *owner, GError **error);
} SectionOps;

/* A device type's migrated state: name of the section and how to get at it. */
typedef struct {
    const char *idstr; /* NULL: record->name (devices on a bus get "<bus path>/" before it) */
    const Record *record;
    const SectionOps *ops;
    int priority;      /* higher is installed earlier; SECTION_PRIORITY_* */
    bool unmigratable; /* a device that blocks migration */
    /* A section in parts: its START, and every PART that a sender may add, holds @start; its END, after
       RAM and before the devices, holds @record. Both describe the same saved form. NULL: in one. */
    const Record *start;
} SectionDesc;

enum {
    SECTION_PRIORITY_DEFAULT = 0,
    SECTION_PRIORITY_IOMMU,
    SECTION_PRIORITY_PCI_BUS,
    SECTION_PRIORITY_VIRTIO_MEM,
    SECTION_PRIORITY_GICV3_ITS,
    SECTION_PRIORITY_GICV3,
    SECTION_PRIORITY_CPU = 100,
    SECTION_PRIORITY_MAX,
};

/* ---- the registry of a VM (vm->records) ---- */
#define SECTION_INSTANCE_AUTO UINT32_MAX
typedef struct Section Section;
/* Registers @owner's section; @path_prefix (e.g. "0000:00:1f.0") may be NULL. @instance AUTO:
   the next free one of that id string. VM lock held. Asserts on a malformed record (our bug). */
Section *section_register(Vm *vm, const char *path_prefix, const SectionDesc *desc,
                          uint32_t instance, void *owner);
void section_unregister(Vm *vm, Section *section);

/* ---- field macros: T is the saved form ---- */
#define FIELD_OF(kind_, T, m, ...)                                                          \
    {                                                                                       \
        .name = #m, .kind = (kind_), .offset = offsetof(T, m), .size = sizeof(((T *)0)->m), \
        ##__VA_ARGS__                                                                       \
    }
#define F_U8(T, m, ...)     FIELD_OF(FIELD_U8, T, m, ##__VA_ARGS__)
#define F_U16(T, m, ...)    FIELD_OF(FIELD_U16, T, m, ##__VA_ARGS__)
#define F_U32(T, m, ...)    FIELD_OF(FIELD_U32, T, m, ##__VA_ARGS__)
#define F_U64(T, m, ...)    FIELD_OF(FIELD_U64, T, m, ##__VA_ARGS__)
#define F_I8(T, m, ...)     FIELD_OF(FIELD_I8, T, m, ##__VA_ARGS__)
#define F_I16(T, m, ...)    FIELD_OF(FIELD_I16, T, m, ##__VA_ARGS__)
#define F_I32(T, m, ...)    FIELD_OF(FIELD_I32, T, m, ##__VA_ARGS__)
#define F_I64(T, m, ...)    FIELD_OF(FIELD_I64, T, m, ##__VA_ARGS__)
#define F_BOOL(T, m, ...)   FIELD_OF(FIELD_BOOL, T, m, ##__VA_ARGS__)
#define F_TIMER(T, m, ...)  FIELD_OF(FIELD_TIMER, T, m, ##__VA_ARGS__)
#define F_BUFFER(T, m, ...) FIELD_OF(FIELD_BUFFER, T, m, ##__VA_ARGS__)
#define F_UNUSED(n_, ...)                                                   \
    {                                                                       \
        .name = "unused", .kind = FIELD_UNUSED, .size = (n_), ##__VA_ARGS__ \
    }
/* Arrays of integers: element kind, fixed count. */
#define F_ARRAY(kind_, T, m, ...)                                                              \
    {                                                                                          \
        .name = #m, .kind = (kind_), .offset = offsetof(T, m), .size = sizeof(((T *)0)->m[0]), \
        .count = sizeof(((T *)0)->m) / sizeof(((T *)0)->m[0]), ##__VA_ARGS__                   \
    }
#define F_STRUCT(T, m, rec, ...)                                                                 \
    {                                                                                            \
        .name = #m, .kind = FIELD_STRUCT, .offset = offsetof(T, m), .size = sizeof(((T *)0)->m), \
        .record = &(rec), ##__VA_ARGS__                                                          \
    }
#define F_STRUCT_ARRAY(T, m, rec, ...)                                                         \
    {                                                                                          \
        .name = #m, .kind = FIELD_STRUCT, .offset = offsetof(T, m),                            \
        .size = sizeof(((T *)0)->m[0]), .count = sizeof(((T *)0)->m) / sizeof(((T *)0)->m[0]), \
        .record = &(rec), ##__VA_ARGS__                                                        \
    }
#define F_END             \
    {                     \
        .kind = FIELD_END \
    }
