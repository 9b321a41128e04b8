/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage keys: a byte a 4 KiB block with access control, fetch protection, reference and change bit.
 *
 * Recording of references and changes starts with the first instruction that looks at a key or sets one,
 * and every block counts as referred to and changed until then; a guest without interest in
 * them pays nothing. From then on the change bit is a client of the dirty bitmaps (so the channel subsystem's
 * stores count too), the reference bit is set when a TLB entry of the block is made. Stores of the
 * channel subsystem are changes, but no references.
 *
 * A bit that is reset must not stay hidden behind TLB entries: the dirty bitmaps take care of changes;
 * who resets a reference bit flushes.
 */
#include <string.h>

#include "base/memory/ram.h"
#include "s390-priv.h"

#define KEY_R 0x04u
#define KEY_C 0x02u

static bool ram_of(const S390Board *b, uint64_t absolute, RamAddr *at)
{
    *at = ram_block_addr(b->machine->ram->ram) + (absolute & ~0xfffull);
    return absolute >> 12 < b->n_keys;
}

uint8_t *s390_key_at(S390Board *b, uint64_t absolute)
{
    return absolute >> 12 < b->n_keys ? &b->keys[absolute >> 12] : NULL;
}

bool s390_keys_recorded(const S390Board *b)
{
    return __atomic_load_n(&b->keys_recorded, __ATOMIC_ACQUIRE);
}

void s390_keys_record(S390Board *b)
{
    if (!s390_keys_recorded(b)) {
        for (uint64_t k = 0; k < b->n_keys; k++) {
            b->keys[k] |= KEY_R;
        }
        ram_dirty_client_enable(b->vm, DIRTY_CHANGE, true); /* everything is changed */
        __atomic_store_n(&b->keys_recorded, true, __ATOMIC_RELEASE);
    }
}

void s390_keys_forget(S390Board *b)
{
    ram_dirty_client_enable(b->vm, DIRTY_CHANGE, false);
    __atomic_store_n(&b->keys_recorded, false, __ATOMIC_RELEASE);
    memset(b->keys, 0, b->n_keys);
}

void s390_key_referred(S390Board *b, uint64_t absolute)
{
    uint8_t *key = s390_keys_recorded(b) ? s390_key_at(b, absolute) : NULL;

    if (key && !(__atomic_load_n(key, __ATOMIC_RELAXED) & KEY_R)) {
        __atomic_or_fetch(key, KEY_R, __ATOMIC_SEQ_CST);
    }
}

bool s390_key_get(S390Board *b, uint64_t absolute, uint8_t *out)
{
    RamAddr at;

    if (!ram_of(b, absolute, &at)) {
        return false;
    }
    *out = __atomic_load_n(&b->keys[absolute >> 12], __ATOMIC_SEQ_CST);
    *out |= ram_dirty_get(b->vm, at, DIRTY_CHANGE) ? KEY_C : 0;
    return true;
}

void s390_key_set(S390Board *b, uint64_t absolute, uint8_t value)
{
    RamAddr at;

    if (ram_of(b, absolute, &at)) {
        __atomic_store_n(&b->keys[absolute >> 12], value & 0xfe, __ATOMIC_SEQ_CST);
        if (!(value & KEY_C)) {
            ram_dirty_test_and_clear(b->vm, at, 4096, DIRTY_CHANGE);
        }
    }
}
