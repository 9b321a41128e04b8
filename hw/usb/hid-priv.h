/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the USB room: human interface devices (HID 1.11). What a user did waits in a queue of 16 until
 * the guest asks; the queues are in the form in which they travel.
 */
#pragma once
#include "backend/ui/input.h"
#include "hw/usb/usb.h"

#define HID_QUEUE  16u
#define HID_KEYS   16
#define HID_REPORT 8 /* bytes of the longest one */

typedef struct {
    int32_t x, y, dz, buttons; /* mice: x, y are movements */
} HidMove;

/* Entries from head on; entry head + n collects what comes until the next sync. */
typedef struct {
    HidMove queue[HID_QUEUE];
    uint32_t head, n;
} HidPointer;

typedef struct {
    uint32_t codes[HID_QUEUE]; /* bytes of scan code set 1 */
    uint32_t head, n;
    uint16_t modifiers; /* 7..0: as reported; 9..8: HID_PREFIX_* */
    uint8_t leds, key[HID_KEYS];
    int32_t keys; /* of key[] */
} HidKeyboard;
#define HID_PREFIX_E0 0x100
#define HID_PREFIX_E1 0x200

void hid_keyboard_put(HidKeyboard *k, InputKey key, bool down);
/* Takes the next key, if any, into the state; fills a report of 8 bytes. */
void hid_keyboard_report(HidKeyboard *k, uint8_t *out);
