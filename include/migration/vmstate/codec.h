/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between saved forms and bytes. The codec works on bounded buffers, knows no session and touches
 * no device; what it decodes is either complete and within the declared ranges, or refused with
 * the path of the field.
 *
 * Version 3 (QEMU 10.0's format): a record is its fields, then any subsections; the end is not
 * marked. Version 4: every record ends with the byte 06, so nothing needs guessing.
 */
#pragma once
#include "base/util/bytes.h"
#include "migration/vmstate/vmstate.h"

#define FERRY_VMSTATE_ERROR (ferry_vmstate_error_quark())
GQuark ferry_vmstate_error_quark(void);
typedef enum {
    FERRY_VMSTATE_ERROR_VERSION,     /* newer than ours, or older than our minimum */
    FERRY_VMSTATE_ERROR_VALUE,       /* a field out of its range, unequal, too long */
    FERRY_VMSTATE_ERROR_SUBSECTION,  /* unknown, doubled, or not for this place */
    FERRY_VMSTATE_ERROR_SYNTAX,      /* a byte that the format does not allow here */
    FERRY_VMSTATE_ERROR_SHORT,       /* the buffer ends inside the record */
    FERRY_VMSTATE_ERROR_UNSUPPORTED, /* a subsection whose needs this process does not meet */
} FerryVmstateError;

typedef enum {
    STREAM_V3 = 3,
    STREAM_V4 = 4
} StreamFormat;

enum {
    STREAM_EOF = 0x00,
    STREAM_SECTION_START = 0x01,
    STREAM_SECTION_PART = 0x02,
    STREAM_SECTION_END = 0x03,
    STREAM_SECTION_FULL = 0x04,
    STREAM_SUBSECTION = 0x05,
    STREAM_RECORD_END = 0x06,  /* after a record (version 4) */
    STREAM_MANIFEST = 0x09,    /* version 4: what will be sent */
    STREAM_DESCRIPTION = 0x06, /* at the top level, after EOF */
    STREAM_CONFIGURATION = 0x07,
    STREAM_COMMAND = 0x08,
    STREAM_FOOTER = 0x7e,
};

/* Appends @saved as @record says. */
void record_encode(const Record *record, const void *saved, StreamFormat format, ByteWriter *w);

/* Who is asked whether a subsection can be honoured, and who hears of one that is left out (policy
   warn), perhaps more than once. */
typedef struct {
    void *owner; /* for Record.supported */
    void (*warn)(void *opaque, const char *subsection, const char *why);
    void *opaque;
} RecordHost;

/*
 * Fills the zeroed @saved from @r. @mine is this process's own saved form for FIELD_EQUAL and
 * FIELD_AT_MOST (NULL: those fields are only read). ERROR_SHORT means that more bytes could help;
 * @saved is then to be cleared and the call repeated from the start. In version 3 the reader is
 * left at the first byte that does not belong to the record; a subsection that nobody took is the
 * caller's error to raise. @host NULL: everything can be honoured.
 */
bool record_decode(const Record *record, uint32_t version, StreamFormat format, ByteReader *r,
                   void *saved, const void *mine, const RecordHost *host, GError **error);

/* Frees what decode or save allocated inside @saved (not @saved itself). */
void record_clear(const Record *record, void *saved);

/* Appends the record as JSON members `"vmsd_name":..,"version":..,"fields":[..],"subsections":[..]`
   (the VM description at the end of a stream); only what encode would send. */
void record_describe(const Record *record, const void *saved, StreamFormat format, GString *out);
/* All that the record could ever contain (-dump-vmstate). @saved, as `save` fills it, says what this machine
   has switched off; NULL: nothing is. */
void record_dump(const Record *record, const void *saved, GString *out, unsigned indent);
