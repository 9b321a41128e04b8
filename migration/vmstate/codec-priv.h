/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What encode, decode and describe share about fields. */
#pragma once
#include <string.h>
#include "migration/vmstate/codec.h"

/* Its type in the VM description (describe.c). */
const char *field_type_name(const Field *f);

/* The count that governs a VARRAY or VBUFFER. */
static inline uint32_t count_of(const Field *f, const void *saved)
{
    uint32_t n = 0; /* little-endian host: the low bytes */
    memcpy(&n, (const uint8_t *)saved + f->count_offset, f->count_bytes ? f->count_bytes : 4);
    return n;
}

/* Is the field on the wire in a record of @version? */
static inline bool field_present(const Field *f, const void *saved, uint32_t version)
{
    return version >= f->since && (!f->present || f->present(saved, version));
}

/* Elements on the wire; never above the declared maximum. */
static inline uint32_t field_count(const Field *f, const void *saved)
{
    if (f->flags & FIELD_VARRAY) {
        return MIN(count_of(f, saved), f->count);
    }
    return f->count ? f->count : 1;
}

/* Does a machine whose saved form is @saved (NULL: not known) have the subsection? */
static inline bool subsection_known(const Record *sub, const void *saved)
{
    return !sub->gate || !saved || sub->gate(saved);
}

static inline bool subsection_wanted(const Record *sub, const void *saved)
{
    return subsection_known(sub, saved) && sub->needed(saved);
}
