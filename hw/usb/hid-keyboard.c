/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of a USB keyboard: from scan codes of set 1, which wait, to usages of the keyboard page (HID Usage
 * Tables 1.4, chapter 10), which are reported.
 */
#include <string.h>

#include "hid-priv.h"

#define PAUSE_CODE     0x45 /* after the prefix e1 */
#define PAUSE_USAGE    0x48
#define FIRST_MODIFIER 0xe0
#define ROLL_OVER      0x01
#define REPORTED_KEYS  6

/* Keys without prefix, by scan code. */
static const uint8_t usages[128] = {
    0x00, 0x29, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2d, 0x2e, 0x2a, 0x2b,
    0x14, 0x1a, 0x08, 0x15, 0x17, 0x1c, 0x18, 0x0c, 0x12, 0x13, 0x2f, 0x30, 0x28, 0xe0, 0x04, 0x16,
    0x07, 0x09, 0x0a, 0x0b, 0x0d, 0x0e, 0x0f, 0x33, 0x34, 0x35, 0xe1, 0x31, 0x1d, 0x1b, 0x06, 0x19,
    0x05, 0x11, 0x10, 0x36, 0x37, 0x38, 0xe5, 0x55, 0xe2, 0x2c, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e,
    0x3f, 0x40, 0x41, 0x42, 0x43, 0x53, 0x47, 0x5f, 0x60, 0x61, 0x56, 0x5c, 0x5d, 0x5e, 0x57, 0x59,
    0x5a, 0x5b, 0x62, 0x63, 0x46, 0x00, 0x64, 0x44, 0x45, 0x67, 0x00, 0x00, 0x8c, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x00,
    0x88, 0x91, 0x90, 0x87, 0x00, 0x00, 0x73, 0x93, 0x92, 0x8a, 0x00, 0x8b, 0x00, 0x89, 0x85, 0x00,
};

/* Those behind the prefix e0. */
static const struct {
    uint8_t code, usage;
} grey[] = {
    { 0x1c, 0x58 }, { 0x1d, 0xe4 }, { 0x20, 0x7f }, { 0x2e, 0x81 }, { 0x30, 0x80 }, { 0x35, 0x54 },
    { 0x37, 0x46 }, { 0x38, 0xe6 }, { 0x46, 0x48 }, { 0x47, 0x4a }, { 0x48, 0x52 }, { 0x49, 0x4b },
    { 0x4b, 0x50 }, { 0x4d, 0x4f }, { 0x4f, 0x4d }, { 0x50, 0x51 }, { 0x51, 0x4e }, { 0x52, 0x49 },
    { 0x53, 0x4c }, { 0x5b, 0xe3 }, { 0x5c, 0xe7 }, { 0x5d, 0x65 }, { 0x5e, 0x66 }, { 0x05, 0x79 },
    { 0x06, 0x76 }, { 0x07, 0x7a }, { 0x0c, 0x77 }, { 0x3c, 0x7b }, { 0x41, 0x7e }, { 0x68, 0x78 },
    { 0x75, 0x75 }, { 0x78, 0x7c },
};

/* ---- in ---- */

static void put_code(HidKeyboard *k, unsigned code)
{
    k->codes[(k->head + k->n++) % HID_QUEUE] = code;
}

void hid_keyboard_put(HidKeyboard *k, InputKey key, bool down)
{
    unsigned code = input_key_scancode(key), up = down ? 0 : 0x80;
    unsigned bytes = key == INPUT_KEY_PAUSE ? 3 : code > 0xff ? 2 : 1;

    if (!code || k->n + bytes > HID_QUEUE) {
        return;
    }
    if (bytes == 3) {
        put_code(k, 0xe1);
        put_code(k, 0x1d | up);
        put_code(k, PAUSE_CODE | up);
        return;
    }
    if (bytes == 2) {
        put_code(k, 0xe0);
    }
    put_code(k, (code & 0x7f) | up);
}

/* ---- out ---- */

static void set_key(HidKeyboard *k, uint8_t usage, bool down)
{
    int at = 0;

    if (usage >= FIRST_MODIFIER && usage < FIRST_MODIFIER + 8) {
        uint16_t bit = (uint16_t)(1u << (usage - FIRST_MODIFIER));
        k->modifiers = down ? k->modifiers | bit : k->modifiers & (uint16_t)~bit;
        return;
    }
    while (at < k->keys && k->key[at] != usage) {
        at++;
    }
    if (down && at == k->keys && k->keys < HID_KEYS) {
        k->key[k->keys++] = usage;
    } else if (!down && at < k->keys) {
        k->key[at] = k->key[--k->keys];
        k->key[k->keys] = 0;
    }
}

static uint8_t usage_of(uint16_t prefix, unsigned code)
{
    if (prefix & HID_PREFIX_E1) {
        return code == PAUSE_CODE ? PAUSE_USAGE : 0;
    }
    for (unsigned i = 0; prefix && i < G_N_ELEMENTS(grey); i++) {
        if (grey[i].code == code) {
            return grey[i].usage;
        }
    }
    return prefix ? 0 : usages[code];
}

/* False: it was but a part of a key. */
static bool take_code(HidKeyboard *k, unsigned code)
{
    uint16_t prefix = k->modifiers & (HID_PREFIX_E0 | HID_PREFIX_E1);

    k->modifiers &= (uint16_t)~prefix;
    if (code == 0xe0) {
        k->modifiers |= HID_PREFIX_E0;
        return false;
    }
    if (code == 0xe1) {
        k->modifiers |= HID_PREFIX_E0 | HID_PREFIX_E1;
        return false;
    }
    if (prefix == (HID_PREFIX_E0 | HID_PREFIX_E1)) { /* the first of the two codes of Pause */
        k->modifiers |= HID_PREFIX_E1;
        return false;
    }
    uint8_t usage = usage_of(prefix, code & 0x7f);
    if (usage) {
        set_key(k, usage, !(code & 0x80));
    }
    return true;
}

void hid_keyboard_report(HidKeyboard *k, uint8_t *out)
{
    bool whole = false;

    while (k->n && !whole) {
        unsigned code = k->codes[k->head];

        k->head = (k->head + 1) % HID_QUEUE;
        k->n--;
        whole = take_code(k, code & 0xff);
    }
    out[0] = (uint8_t)k->modifiers;
    out[1] = 0;
    if (k->keys > REPORTED_KEYS) {
        memset(out + 2, ROLL_OVER, REPORTED_KEYS);
    } else {
        memcpy(out + 2, k->key, REPORTED_KEYS);
    }
}
