/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA core, shared by its registers (vga.c), its picture (vga-render.c) and the PCI devices around it
 * (vga-pci.c).
 *
 * Video memory is four planes, interleaved: byte n of plane p is at 4n + p. So a 32-bit word holds one byte of
 * each plane, chain-4 addresses are byte addresses, and linear modes are linear.
 */
#pragma once
#include "backend/ui/display.h"
#include "base/memory/region.h"
#include "hw/core/device.h"

enum { /* sequencer */
    VGA_SR_CLOCKING = 1,
    VGA_SR_PLANE_MASK = 2,
    VGA_SR_FONT = 3,
    VGA_SR_MEMORY_MODE = 4,
};
#define VGA_SR4_CHAIN4 0x08

enum { /* graphics controller */
    VGA_GR_SET_RESET = 0,
    VGA_GR_ENABLE_SET_RESET = 1,
    VGA_GR_COMPARE = 2,
    VGA_GR_ROTATE = 3,
    VGA_GR_READ_PLANE = 4,
    VGA_GR_MODE = 5,
    VGA_GR_MISC = 6,
    VGA_GR_COMPARE_MASK = 7,
    VGA_GR_BIT_MASK = 8,
};

enum { /* CRT controller */
    VGA_CR_WIDTH = 0x01,
    VGA_CR_OVERFLOW = 0x07,
    VGA_CR_MAX_SCAN = 0x09,
    VGA_CR_CURSOR_START = 0x0a,
    VGA_CR_CURSOR_END = 0x0b,
    VGA_CR_START_HIGH = 0x0c,
    VGA_CR_START_LOW = 0x0d,
    VGA_CR_CURSOR_HIGH = 0x0e,
    VGA_CR_CURSOR_LOW = 0x0f,
    VGA_CR_PROTECT = 0x11,
    VGA_CR_HEIGHT = 0x12,
    VGA_CR_OFFSET = 0x13,
    VGA_CR_MODE = 0x17,
    VGA_CR_LINE_COMPARE = 0x18,
};

enum { /* attribute controller */
    VGA_AR_MODE = 0x10,
    VGA_AR_OVERSCAN = 0x11,
    VGA_AR_PLANE_ENABLE = 0x12,
    VGA_AR_PAN = 0x13,
    VGA_AR_COLOR_SELECT = 0x14,
};
#define VGA_AR_DISPLAY_ON 0x20 /* of the index register */

enum { /* Bochs "dispi" registers */
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_REGS,             /* these travel */
    VBE_MEMORY = VBE_REGS /* read only: size in 64 KiB */
};
#define VBE_ID_FIRST 0xb0c0
#define VBE_ID_LAST  0xb0c5
#define VBE_ENABLED  0x01
#define VBE_GETCAPS  0x02
#define VBE_8BIT_DAC 0x20
#define VBE_LFB      0x40
#define VBE_NOCLEAR  0x80
#define VBE_MAX_XRES 16000
#define VBE_MAX_YRES 12000
#define VBE_MAX_BPP  32

typedef struct { /* the saved form too: section part "vga" version 2 */
    uint32_t latch;
    uint8_t sr_index, sr[8];
    uint8_t gr_index, gr[16];
    uint8_t ar_index, ar[21];
    int32_t ar_flip_flop;
    uint8_t cr_index, cr[256];
    uint8_t msr, fcr, st00, st01;
    uint8_t dac_state, dac_sub_index, dac_read_index, dac_write_index, dac_cache[3];
    uint8_t palette[768];
    int32_t bank_offset;
    uint8_t is_vbe_vmstate;
    uint16_t vbe_index, vbe_regs[VBE_REGS];
    uint32_t vbe_start_addr, vbe_line_offset, vbe_bank_mask;
    /* byte order of pixels; travels only when it is not the machine's */
    bool big_endian_fb, default_big_endian, has_order;
} VgaRegs;

typedef struct {
    VgaRegs r;
    Device *dev;
    MemoryRegion vram;
    uint8_t *ram;
    uint32_t size; /* bytes of video memory, a power of two */
    Console *console;
    /* drawing */
    bool redraw; /* registers changed since the last picture */
    bool blink_on;
    uint32_t *row; /* owned; one line of pixels */
} Vga;

extern const Record vga_record;

/* The video memory's RAM block is called "<device path>/vga.vram". */
bool vga_init(Vga *s, Device *dev, uint32_t bytes, GError **error);
void vga_clear(Vga *s);
void vga_reset(Vga *s);
/* Ports 0x3b0..0x3df. */
uint8_t vga_port_read(Vga *s, uint32_t port);
void vga_port_write(Vga *s, uint32_t port, uint8_t value);
/* The window 0xa0000..0xbffff. */
uint8_t vga_window_read(Vga *s, uint32_t addr);
void vga_window_write(Vga *s, uint32_t addr, uint8_t value);
uint16_t vbe_read(Vga *s, unsigned index);
void vbe_write(Vga *s, unsigned index, uint16_t value);
static inline bool vbe_on(const Vga *s)
{
    return s->r.vbe_regs[VBE_ENABLE] & VBE_ENABLED;
}
bool vga_check(const Vga *s, const VgaRegs *in, GError **error);
void vga_install(Vga *s, const VgaRegs *in);

/* Draws what changed into the console. */
void vga_update(Vga *s);
