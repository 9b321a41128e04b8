/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers and memory window of a VGA (IBM PS/2 Hardware Interface Technical Reference, "Video subsystem"), with the
 * Bochs extension for linear modes ("dispi").
 *
 * Not there: the pel mask, vertical interrupts, panning of single pixels. Status register 1 shows the other half of a
 * frame at each read, so loops that wait for retrace end.
 */
#include <string.h>
#include "base/memory/ram.h"
#include "vga-priv.h"

#define STATUS_DISPLAY_OFF 0x01
#define STATUS_RETRACE     0x08
#define MSR_COLOR          0x01

/* Writable bits. */
static const uint8_t sr_mask[8] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff };
static const uint8_t gr_mask[16] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

/* ---- video memory window ---- */

/* Each bit of a nibble as a byte of ones. */
static uint32_t planes(unsigned nibble)
{
    return (nibble & 1 ? 0xffu : 0) | (nibble & 2 ? 0xff00u : 0) | (nibble & 4 ? 0xff0000u : 0) |
           (nibble & 8 ? 0xff000000u : 0);
}

/* Offset in the mapped part, or -1 when the window is elsewhere. */
static int64_t window_offset(const Vga *s, uint32_t addr)
{
    switch (s->r.gr[VGA_GR_MISC] >> 2 & 3) {
    case 0: return addr;
    case 1: return addr < 0x10000 ? (int64_t)addr + s->r.bank_offset : -1;
    case 2: return addr - 0x10000 < 0x8000 ? (int64_t)addr - 0x10000 : -1;
    default: return addr - 0x18000 < 0x8000 ? (int64_t)addr - 0x18000 : -1;
    }
}

static bool linear(const Vga *s)
{
    return s->r.sr[VGA_SR_MEMORY_MODE] & VGA_SR4_CHAIN4;
}

static bool odd_even(const Vga *s)
{
    return s->r.gr[VGA_GR_MODE] & 0x10;
}

static unsigned odd_even_plane(const Vga *s, uint32_t at)
{
    return (s->r.gr[VGA_GR_READ_PLANE] & 2u) | (at & 1);
}

static uint32_t load_word(const Vga *s, uint32_t at)
{
    uint32_t v;
    memcpy(&v, s->ram + at * 4, 4);
    return GUINT32_FROM_LE(v);
}

static uint8_t compare_planes(const Vga *s)
{
    uint32_t differ =
        (s->r.latch ^ planes(s->r.gr[VGA_GR_COMPARE])) & planes(s->r.gr[VGA_GR_COMPARE_MASK]);

    differ |= differ >> 16;
    differ |= differ >> 8;
    return (uint8_t)~differ;
}

uint8_t vga_window_read(Vga *s, uint32_t addr)
{
    int64_t at = window_offset(s, addr);

    if (at < 0) {
        return 0xff;
    }
    if (linear(s)) {
        return at < s->size ? s->ram[at] : 0xff;
    }
    if (odd_even(s)) {
        uint64_t byte = ((uint64_t)at & ~1ull) << 1 | odd_even_plane(s, (uint32_t)at);
        return byte < s->size ? s->ram[byte] : 0xff;
    }
    if (at >= s->size / 4) {
        return 0xff;
    }
    s->r.latch = load_word(s, (uint32_t)at);
    if (s->r.gr[VGA_GR_MODE] & 0x08) {
        return compare_planes(s);
    }
    return (uint8_t)(s->r.latch >> 8 * s->r.gr[VGA_GR_READ_PLANE]);
}

static void touched(Vga *s, uint64_t at, unsigned len)
{
    ram_dirty_written(device_vm(s->dev), ram_block_addr(s->vram.ram) + at, len);
}

static void store_byte(Vga *s, uint64_t at, uint8_t value)
{
    if (at < s->size) {
        s->ram[at] = value;
        touched(s, at, 1);
    }
}

/* What a write makes of the four planes, before the plane mask. */
static uint32_t write_planes(const Vga *s, uint8_t value)
{
    const uint8_t *gr = s->r.gr;
    unsigned mode = gr[VGA_GR_MODE] & 3, count = gr[VGA_GR_ROTATE] & 7;
    uint8_t rotated = (uint8_t)(value >> count | value << (8 - count));
    uint32_t bits = gr[VGA_GR_BIT_MASK] * 0x01010101u, data;

    switch (mode) {
    case 0: {
        uint32_t forced = planes(gr[VGA_GR_ENABLE_SET_RESET]);
        data = (rotated * 0x01010101u & ~forced) | (planes(gr[VGA_GR_SET_RESET]) & forced);
        break;
    }
    case 1: return s->r.latch;
    case 2: data = planes(value & 15); break;
    default:
        bits &= rotated * 0x01010101u;
        data = planes(gr[VGA_GR_SET_RESET]);
        break;
    }
    switch (gr[VGA_GR_ROTATE] >> 3 & 3) {
    case 1: data &= s->r.latch; break;
    case 2: data |= s->r.latch; break;
    case 3: data ^= s->r.latch; break;
    default: break;
    }
    return (data & bits) | (s->r.latch & ~bits);
}

void vga_window_write(Vga *s, uint32_t addr, uint8_t value)
{
    int64_t at = window_offset(s, addr);
    unsigned enabled = s->r.sr[VGA_SR_PLANE_MASK];

    if (at < 0) {
        return;
    }
    if (linear(s)) {
        if (enabled & 1u << (at & 3)) {
            store_byte(s, (uint64_t)at, value);
        }
    } else if (odd_even(s)) {
        unsigned plane = odd_even_plane(s, (uint32_t)at);
        if (enabled & 1u << plane) {
            store_byte(s, ((uint64_t)at & ~1ull) << 1 | plane, value);
        }
    } else if (at < s->size / 4) {
        uint32_t mask = planes(enabled);
        uint32_t v = (load_word(s, (uint32_t)at) & ~mask) | (write_planes(s, value) & mask);
        v = GUINT32_TO_LE(v);
        memcpy(s->ram + at * 4, &v, 4);
        touched(s, (uint64_t)at * 4, 4);
    }
}

/* ---- ports ---- */

static bool port_is_here(const Vga *s, uint32_t port)
{
    if (s->r.msr & MSR_COLOR) {
        return !(port >= 0x3b0 && port <= 0x3bf);
    }
    return !(port >= 0x3d0 && port <= 0x3df);
}

static uint8_t palette_read(Vga *s)
{
    uint8_t v = s->r.palette[s->r.dac_read_index * 3 + s->r.dac_sub_index];

    if (++s->r.dac_sub_index == 3) {
        s->r.dac_sub_index = 0;
        s->r.dac_read_index++;
    }
    return v;
}

static void palette_write(Vga *s, uint8_t value)
{
    s->r.dac_cache[s->r.dac_sub_index] = value;
    if (++s->r.dac_sub_index == 3) {
        memcpy(&s->r.palette[s->r.dac_write_index * 3], s->r.dac_cache, 3);
        s->r.dac_sub_index = 0;
        s->r.dac_write_index++;
        s->redraw = true;
    }
}

uint8_t vga_port_read(Vga *s, uint32_t port)
{
    if (!port_is_here(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0: return s->r.ar_flip_flop ? 0 : s->r.ar_index;
    case 0x3c1: return (s->r.ar_index & 0x1f) < 21 ? s->r.ar[s->r.ar_index & 0x1f] : 0;
    case 0x3c2: return s->r.st00;
    case 0x3c4: return s->r.sr_index;
    case 0x3c5: return s->r.sr[s->r.sr_index & 7];
    case 0x3c6: return 0xff;
    case 0x3c7: return s->r.dac_state;
    case 0x3c8: return s->r.dac_write_index;
    case 0x3c9: return palette_read(s);
    case 0x3ca: return s->r.fcr;
    case 0x3cc: return s->r.msr;
    case 0x3ce: return s->r.gr_index;
    case 0x3cf: return s->r.gr[s->r.gr_index & 15];
    case 0x3b4:
    case 0x3d4: return s->r.cr_index;
    case 0x3b5:
    case 0x3d5: return s->r.cr[s->r.cr_index];
    case 0x3ba:
    case 0x3da:
        s->r.st01 ^= STATUS_RETRACE | STATUS_DISPLAY_OFF;
        s->r.ar_flip_flop = 0;
        return s->r.st01;
    default: return 0;
    }
}

static void attribute_write(Vga *s, uint8_t value)
{
    /* Writable bits by index. */
    static const uint8_t mask[21] = { 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                      0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                      0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f };
    unsigned index = s->r.ar_index & 0x1f;

    if (!s->r.ar_flip_flop) {
        s->r.ar_index = value & 0x3f;
    } else if (index < 21) {
        s->r.ar[index] = value & mask[index];
    }
    s->r.ar_flip_flop ^= 1;
}

static void crtc_write(Vga *s, uint8_t value)
{
    unsigned index = s->r.cr_index;

    if (s->r.cr[VGA_CR_PROTECT] & 0x80 && index <= 7) {
        if (index == VGA_CR_OVERFLOW) { /* line compare bit 8 stays free */
            s->r.cr[index] = (s->r.cr[index] & ~0x10) | (value & 0x10);
        }
        return;
    }
    s->r.cr[index] = value;
}

void vga_port_write(Vga *s, uint32_t port, uint8_t value)
{
    if (!port_is_here(s, port)) {
        return;
    }
    s->redraw = true;
    switch (port) {
    case 0x3c0: attribute_write(s, value); break;
    case 0x3c2: s->r.msr = value & ~0x10; break;
    case 0x3c4: s->r.sr_index = value & 7; break;
    case 0x3c5: s->r.sr[s->r.sr_index & 7] = value & sr_mask[s->r.sr_index & 7]; break;
    case 0x3c7:
        s->r.dac_read_index = value;
        s->r.dac_sub_index = 0;
        s->r.dac_state = 3;
        break;
    case 0x3c8:
        s->r.dac_write_index = value;
        s->r.dac_sub_index = 0;
        s->r.dac_state = 0;
        break;
    case 0x3c9: palette_write(s, value); break;
    case 0x3ce: s->r.gr_index = value & 15; break;
    case 0x3cf: s->r.gr[s->r.gr_index & 15] = value & gr_mask[s->r.gr_index & 15]; break;
    case 0x3b4:
    case 0x3d4: s->r.cr_index = value; break;
    case 0x3b5:
    case 0x3d5: crtc_write(s, value); break;
    case 0x3ba:
    case 0x3da: s->r.fcr = value & 0x10; break;
    default: break;
    }
}

/* ---- linear modes ---- */

static unsigned vbe_line_bytes(unsigned width, unsigned bpp)
{
    return bpp == 4 ? width / 2 : width * ((bpp + 7) / 8);
}

/* Brings sizes and offsets within what the memory holds. */
static void vbe_fix(Vga *s)
{
    uint16_t *r = s->r.vbe_regs;
    static const uint8_t depths[] = { 4, 8, 15, 16, 24, 32 };

    if (!memchr(depths, r[VBE_BPP], sizeof(depths))) {
        r[VBE_BPP] = 8;
    }
    r[VBE_XRES] = (uint16_t)CLAMP(r[VBE_XRES] & ~7, 8, VBE_MAX_XRES);
    r[VBE_VIRT_WIDTH] = (uint16_t)CLAMP(r[VBE_VIRT_WIDTH] & ~7, r[VBE_XRES], VBE_MAX_XRES);
    unsigned line = vbe_line_bytes(r[VBE_VIRT_WIDTH], r[VBE_BPP]);
    unsigned most = s->size / line;
    r[VBE_YRES] = (uint16_t)CLAMP(r[VBE_YRES], 1, MIN(VBE_MAX_YRES, MAX(most, 1)));
    r[VBE_VIRT_HEIGHT] = (uint16_t)MIN(most, UINT16_MAX);
    r[VBE_X_OFFSET] = (uint16_t)MIN(r[VBE_X_OFFSET], r[VBE_VIRT_WIDTH] - r[VBE_XRES]);
    uint64_t start = (uint64_t)r[VBE_Y_OFFSET] * line + vbe_line_bytes(r[VBE_X_OFFSET], r[VBE_BPP]);
    if (start + (uint64_t)line * r[VBE_YRES] > s->size) {
        r[VBE_Y_OFFSET] = 0;
        start = vbe_line_bytes(r[VBE_X_OFFSET], r[VBE_BPP]);
        if (start + (uint64_t)line * r[VBE_YRES] > s->size) {
            r[VBE_X_OFFSET] = 0;
            start = 0;
        }
    }
    s->r.vbe_line_offset = line;
    s->r.vbe_start_addr = (uint32_t)(start / 4);
}

/* The VGA's own registers, as the BIOS would have set them for such a mode: programs look at them, and the
 * window at 0xa0000 works by them. */
static void vbe_set_vga(Vga *s)
{
    uint16_t *r = s->r.vbe_regs;
    unsigned height = r[VBE_YRES] - 1u;

    s->r.gr[VGA_GR_MISC] = (s->r.gr[VGA_GR_MISC] & ~0x0c) | 0x05; /* graphics at 0xa0000, 64 KiB */
    s->r.cr[VGA_CR_MODE] |= 3;
    s->r.cr[VGA_CR_OFFSET] = (uint8_t)(s->r.vbe_line_offset >> 3);
    s->r.cr[VGA_CR_WIDTH] = (uint8_t)((r[VBE_XRES] >> 3) - 1);
    s->r.cr[VGA_CR_HEIGHT] = (uint8_t)height;
    s->r.cr[VGA_CR_OVERFLOW] =
        (uint8_t)((s->r.cr[VGA_CR_OVERFLOW] & ~0x42) | (height >> 7 & 2) | (height >> 3 & 0x40));
    s->r.cr[VGA_CR_LINE_COMPARE] = 0xff;
    s->r.cr[VGA_CR_OVERFLOW] |= 0x10;
    s->r.cr[VGA_CR_MAX_SCAN] = (s->r.cr[VGA_CR_MAX_SCAN] & ~0x9f) | 0x40;
    if (r[VBE_BPP] == 4) {
        s->r.sr[VGA_SR_CLOCKING] &= ~8;
        s->r.gr[VGA_GR_MODE] &= ~0x60;
    } else {
        s->r.sr[VGA_SR_MEMORY_MODE] |= VGA_SR4_CHAIN4;
        s->r.sr[VGA_SR_PLANE_MASK] |= 0x0f;
        s->r.gr[VGA_GR_MODE] = (s->r.gr[VGA_GR_MODE] & ~0x60) | 0x40;
    }
}

static void vbe_enable(Vga *s, uint16_t value)
{
    uint16_t *r = s->r.vbe_regs;

    if (value & VBE_ENABLED && !vbe_on(s)) {
        r[VBE_VIRT_WIDTH] = 0;
        r[VBE_X_OFFSET] = r[VBE_Y_OFFSET] = 0;
        r[VBE_ENABLE] = value;
        vbe_fix(s);
        vbe_set_vga(s);
        if (!(value & VBE_NOCLEAR)) {
            uint64_t bytes = MIN((uint64_t)r[VBE_YRES] * s->r.vbe_line_offset, s->size);
            memset(s->ram, 0, bytes);
            touched(s, 0, (unsigned)bytes);
        }
    } else if (!(value & VBE_ENABLED)) {
        s->r.bank_offset = 0;
    }
    r[VBE_ENABLE] = value;
    s->redraw = true;
}

uint16_t vbe_read(Vga *s, unsigned index)
{
    static const uint16_t most[] = {
        [VBE_XRES] = VBE_MAX_XRES, [VBE_YRES] = VBE_MAX_YRES, [VBE_BPP] = VBE_MAX_BPP
    };

    if (index == VBE_MEMORY) {
        return (uint16_t)(s->size >> 16);
    }
    if (index >= VBE_REGS) {
        return 0;
    }
    if (s->r.vbe_regs[VBE_ENABLE] & VBE_GETCAPS && index >= VBE_XRES && index <= VBE_BPP) {
        return most[index];
    }
    return s->r.vbe_regs[index];
}

void vbe_write(Vga *s, unsigned index, uint16_t value)
{
    uint16_t *r = s->r.vbe_regs;

    switch (index) {
    case VBE_ID:
        if (value >= VBE_ID_FIRST && value <= VBE_ID_LAST) {
            r[VBE_ID] = value;
        }
        return;
    case VBE_ENABLE: vbe_enable(s, value); return;
    case VBE_BANK:
        r[VBE_BANK] = (uint16_t)(value & s->r.vbe_bank_mask);
        s->r.bank_offset = r[VBE_BANK] << (r[VBE_BPP] == 4 ? 14 : 16);
        return;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET: break;
    default: return;
    }
    r[index] = value;
    if (vbe_on(s)) {
        vbe_fix(s);
        vbe_set_vga(s);
        s->redraw = true;
    }
}

/* ---- state ---- */

static const Field vga_fields[] = {
    F_U32(VgaRegs, latch),
    F_U8(VgaRegs, sr_index),
    F_BUFFER(VgaRegs, sr),
    F_U8(VgaRegs, gr_index),
    F_BUFFER(VgaRegs, gr),
    F_U8(VgaRegs, ar_index),
    F_BUFFER(VgaRegs, ar),
    F_I32(VgaRegs, ar_flip_flop),
    F_U8(VgaRegs, cr_index),
    F_BUFFER(VgaRegs, cr),
    F_U8(VgaRegs, msr),
    F_U8(VgaRegs, fcr),
    F_U8(VgaRegs, st00),
    F_U8(VgaRegs, st01),
    F_U8(VgaRegs, dac_state),
    F_U8(VgaRegs, dac_sub_index),
    F_U8(VgaRegs, dac_read_index),
    F_U8(VgaRegs, dac_write_index),
    F_BUFFER(VgaRegs, dac_cache),
    F_BUFFER(VgaRegs, palette),
    F_I32(VgaRegs, bank_offset),
    F_U8(VgaRegs, is_vbe_vmstate, .flags = FIELD_EQUAL),
    F_U16(VgaRegs, vbe_index),
    F_ARRAY(FIELD_U16, VgaRegs, vbe_regs),
    F_U32(VgaRegs, vbe_start_addr),
    F_U32(VgaRegs, vbe_line_offset),
    F_U32(VgaRegs, vbe_bank_mask),
    F_END,
};
static bool order_differs(const void *saved)
{
    const VgaRegs *r = saved;

    return r->big_endian_fb != r->default_big_endian;
}

static const Record order_record = {
    .name = "vga.endian",
    .legacy_name = true,
    .version = 1,
    .min_version = 1,
    .size = sizeof(VgaRegs),
    .fields = (const Field[]){ F_BOOL(VgaRegs, big_endian_fb), F_END },
    .needed = order_differs,
    .present_offset = offsetof(VgaRegs, has_order),
    .has_present = true,
};

const Record vga_record = {
    .name = "vga",
    .version = 2,
    .min_version = 2,
    .size = sizeof(VgaRegs),
    .fields = vga_fields,
    .subsections = (const Record *const[]){ &order_record, NULL },
};

bool vga_check(const Vga *s, const VgaRegs *in, GError **error)
{
    if (in->sr_index > 7 || in->gr_index > 15 || in->ar_index > 0x3f || in->dac_sub_index > 2) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "VGA index registers %u, %u, %u, %u (limits 7, 15, 63, 2)", in->sr_index,
                    in->gr_index, in->ar_index, in->dac_sub_index);
        return false;
    }
    if (in->bank_offset < 0 || (uint32_t)in->bank_offset > s->size) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "VGA bank offset 0x%x is outside the video memory of 0x%x bytes",
                    (unsigned)in->bank_offset, s->size);
        return false;
    }
    return true;
}

void vga_install(Vga *s, const VgaRegs *in)
{
    bool default_order = s->r.default_big_endian;

    s->r = *in;
    s->r.default_big_endian = default_order;
    if (!in->has_order) {
        s->r.big_endian_fb = default_order;
    }
    s->r.has_order = false;
    s->r.ar_flip_flop &= 1;
    s->r.vbe_bank_mask = (s->size >> 16) - 1;
    if (vbe_on(s)) {
        vbe_fix(s);
    }
    s->redraw = true;
}

void vga_reset(Vga *s)
{
    bool order = s->r.default_big_endian;

    s->r = (VgaRegs){ .is_vbe_vmstate = 1,
                      .big_endian_fb = order,
                      .default_big_endian = order,
                      .vbe_bank_mask = (s->size >> 16) - 1,
                      .vbe_regs = { [VBE_ID] = VBE_ID_LAST } };
    s->redraw = true;
}

static void update(void *opaque)
{
    vga_update(opaque);
}

bool vga_init(Vga *s, Device *dev, uint32_t bytes, GError **error)
{
    static const ConsoleOps ops = { .update = update };

    g_autofree char *block = device_ram_block_name(dev, "vga.vram");

    s->dev = dev;
    s->size = bytes;
    if (!memory_region_init_ram(&s->vram, device_vm(dev), &dev->obj, block, bytes, error)) {
        return false;
    }
    s->ram = memory_region_ram_ptr(&s->vram);
    memory_region_set_log(&s->vram, true, DIRTY_DISPLAY);
    s->row = g_new0(uint32_t, CONSOLE_MAX_WIDTH);
    s->console = console_new(device_vm(dev), &dev->obj, &ops, s);
    vga_reset(s);
    return true;
}

void vga_clear(Vga *s)
{
    g_clear_pointer(&s->console, console_free);
    g_clear_pointer(&s->row, g_free);
    memory_region_clear(&s->vram);
}
