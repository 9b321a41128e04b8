/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC's keyboard controller ("i8042", ports 0x60/0x64) with its PS/2 keyboard and mouse
 * ("ps2-kbd", "ps2-mouse"), and port 0x92 ("port92"). VM lock held.
 *
 * i8042 drives ISA lines kbd-irq and mouse-irq; the output "a20" of i8042 and of port92 is the
 * address line 20 gate.
 */
#pragma once
#include "hw/isa/isa.h"

#define I8042_A20 "a20"

/* What the user does. @code: set 1 scan code, 0xe000 | code for the grey keys. */
void ps2_keyboard_key(Device *kbd, unsigned code, bool down);
/* @buttons: bit 0 left, 1 right, 2 middle. dy grows downwards. */
void ps2_mouse_move(Device *mouse, int dx, int dy, int dz, unsigned buttons);
/* The two devices of a controller. */
Device *i8042_keyboard(Device *i8042);
Device *i8042_mouse(Device *i8042);

/* The controller's side of the cable (ps2.c): output 0 of a PS/2 device is "has bytes". */
uint8_t ps2_read(Device *dev);
void ps2_keyboard_write(Device *kbd, uint8_t value);
void ps2_keyboard_set_translation(Device *kbd, bool on);
void ps2_mouse_write(Device *mouse, uint8_t value);

extern const TypeInfo ps2_types[], i8042_types[];
extern const size_t ps2_types_n, i8042_types_n;
