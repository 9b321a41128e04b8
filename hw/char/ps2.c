/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard (IBM 1391401, scan code sets 1 and 2) and mouse (with the wheel extensions).
 *
 * Both keep a queue of bytes for the controller. Events fill at most EVENT_LIMIT bytes; the reply to
 * a command goes in front of them and replaces what is left of the reply before. Set 3 can be
 * selected, but keys then still send set 2.
 */
#include <string.h>
#include "backend/ui/input.h"
#include "hw/char/i8042.h"

#define QUEUE_SIZE  256
#define EVENT_LIMIT 16

/* ---- saved forms: "ps2kbd" version 3, "ps2mouse" version 2 ---- */

typedef struct {
    int32_t write_cmd; /* the command whose argument comes next; -1: none */
    int32_t rptr, wptr, count;
    uint8_t data[QUEUE_SIZE];
} Ps2Common;

typedef struct {
    Ps2Common common;
    int32_t scan_enabled, translate, scancode_set;
    int32_t ledstate;
    bool need_high_bit;
    int32_t cwptr; /* end of the command reply in the queue; -1: none */
    bool has_cwptr;
} KeyboardSaved;

typedef struct {
    Ps2Common common;
    uint8_t mouse_status, mouse_resolution, mouse_sample_rate, mouse_wrap, mouse_type,
        mouse_detect_state;
    int32_t mouse_dx, mouse_dy, mouse_dz;
    uint8_t mouse_buttons;
    int32_t cwptr;
    bool has_cwptr;
} MouseSaved;

typedef struct {
    Device dev; /* first */
    Ps2Common *q;
    int32_t *cwptr;
    Irq *irq;
    InputHandler *handler; /* owned; NULL without a user interface */
} Ps2;

typedef struct {
    Ps2 ps2; /* first */
    KeyboardSaved r;
} Keyboard;

typedef struct {
    Ps2 ps2; /* first */
    MouseSaved r;
    int dx, dy, dz; /* moved since the last packet */
    unsigned buttons;
} Mouse;

/* ---- the queue ---- */

static void update(Ps2 *s)
{
    irq_set(s->irq, s->q->count > 0);
}

static void put(Ps2 *s, uint8_t byte)
{
    s->q->data[s->q->wptr] = byte;
    s->q->wptr = (s->q->wptr + 1) % QUEUE_SIZE;
    s->q->count++;
}

/* All of an event or nothing of it. */
static bool put_event(Ps2 *s, const uint8_t *bytes, int n)
{
    if (s->q->count + n > EVENT_LIMIT) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        put(s, bytes[i]);
    }
    update(s);
    return true;
}

static void drop_reply(Ps2 *s)
{
    if (*s->cwptr >= 0) {
        s->q->count -= (*s->cwptr - s->q->rptr) & (QUEUE_SIZE - 1);
        s->q->rptr = *s->cwptr;
        *s->cwptr = -1;
    }
}

static void reply(Ps2 *s, int n, ...)
{
    va_list ap;

    drop_reply(s);
    *s->cwptr = s->q->rptr;
    s->q->rptr = (s->q->rptr - n) & (QUEUE_SIZE - 1);
    va_start(ap, n);
    for (int i = 0; i < n; i++) {
        s->q->data[(s->q->rptr + i) & (QUEUE_SIZE - 1)] = (uint8_t)va_arg(ap, int);
    }
    va_end(ap);
    s->q->count += n;
    update(s);
}

static void clear_queue(Ps2 *s)
{
    s->q->rptr = s->q->wptr = s->q->count = 0;
    *s->cwptr = -1;
}

uint8_t ps2_read(Device *dev)
{
    Ps2 *s = (Ps2 *)dev;
    Ps2Common *q = s->q;

    if (q->count == 0) {
        return q->data[(q->rptr - 1) & (QUEUE_SIZE - 1)]; /* the last byte again */
    }
    uint8_t byte = q->data[q->rptr];

    q->rptr = (q->rptr + 1) % QUEUE_SIZE;
    q->count--;
    if (q->rptr == *s->cwptr) {
        *s->cwptr = -1;
    }
    /* The controller sees the line fall between two bytes. */
    irq_lower(s->irq);
    update(s);
    return byte;
}

/* ---- keyboard ---- */

enum {
    KBD_SET_LEDS = 0xed,
    KBD_ECHO = 0xee,
    KBD_SCANCODE_SET = 0xf0,
    KBD_ID = 0xf2,
    KBD_RATE = 0xf3,
    KBD_ENABLE = 0xf4,
    KBD_DISABLE = 0xf5,
    KBD_DEFAULTS = 0xf6,
    KBD_RESEND = 0xfe,
    KBD_RESET = 0xff,
    ACK = 0xfa,
    SELF_TEST_OK = 0xaa,
};

/* Set 2 codes by set 1 code. */
static const uint8_t set2_codes[0x59] = {
    [0x01] = 0x76, 0x16, 0x1e, 0x26, 0x25,          0x2e,          0x36, 0x3d, 0x3e, 0x46,
    0x45,          0x4e, 0x55, 0x66, 0x0d,          [0x10] = 0x15, 0x1d, 0x24, 0x2d, 0x2c,
    0x35,          0x3c, 0x43, 0x44, 0x4d,          0x54,          0x5b, 0x5a, 0x14, 0x1c,
    [0x1f] = 0x1b, 0x23, 0x2b, 0x34, 0x33,          0x3b,          0x42, 0x4b, 0x4c, 0x52,
    0x0e,          0x12, 0x5d, 0x1a, 0x22,          [0x2e] = 0x21, 0x2a, 0x32, 0x31, 0x3a,
    0x41,          0x49, 0x4a, 0x59, 0x7c,          0x11,          0x29, 0x58, 0x05, 0x06,
    [0x3d] = 0x04, 0x0c, 0x03, 0x0b, 0x83,          0x0a,          0x01, 0x09, 0x77, 0x7e,
    0x6c,          0x75, 0x7d, 0x7b, 0x6b,          [0x4c] = 0x73, 0x74, 0x79, 0x69, 0x72,
    0x7a,          0x70, 0x71, 0x84, [0x56] = 0x61, 0x78,          0x07,
};

static uint8_t set2_code(uint8_t set1, bool grey)
{
    if (grey && set1 >= 0x5b && set1 <= 0x5f) { /* the GUI, menu, power and sleep keys */
        static const uint8_t codes[] = { 0x1f, 0x27, 0x2f, 0x37, 0x3f };

        return codes[set1 - 0x5b];
    }
    return set1 < sizeof(set2_codes) ? set2_codes[set1] : 0;
}

void ps2_keyboard_key(Device *dev, unsigned code, bool down)
{
    Keyboard *s = (Keyboard *)dev;
    uint8_t set1 = code & 0x7f, set2 = set2_code(set1, code >> 8 == 0xe0), bytes[3];
    int n = 0;

    if (!s->r.scan_enabled || (!s->r.translate && s->r.scancode_set != 1 && !set2)) {
        return;
    }
    if (code >> 8 == 0xe0) {
        bytes[n++] = 0xe0;
    }
    if (s->r.translate || s->r.scancode_set == 1) {
        bytes[n++] = set1 | (down ? 0 : 0x80);
    } else {
        if (!down) {
            bytes[n++] = 0xf0;
        }
        bytes[n++] = set2;
    }
    put_event(&s->ps2, bytes, n);
    vm_wakeup_request(device_vm(dev));
}

static void keyboard_defaults(Keyboard *s, bool scan)
{
    s->r.scan_enabled = scan;
    s->r.scancode_set = 2;
    s->r.ledstate = 0;
    clear_queue(&s->ps2);
}

static void keyboard_argument(Keyboard *s, int command, uint8_t value)
{
    s->r.common.write_cmd = -1;
    switch (command) {
    case KBD_SCANCODE_SET:
        if (value == 0) {
            /* 43 41 3f is what 1 2 3 become when the controller translates. */
            static const uint8_t translated[] = { 0, 0x43, 0x41, 0x3f };

            reply(&s->ps2, 2, ACK,
                  s->r.translate ? translated[s->r.scancode_set] : s->r.scancode_set);
        } else if (value <= 3) {
            s->r.scancode_set = value;
            reply(&s->ps2, 1, ACK);
        } else {
            reply(&s->ps2, 1, KBD_RESEND);
        }
        break;
    case KBD_SET_LEDS:
        s->r.ledstate = value & 7;
        reply(&s->ps2, 1, ACK);
        break;
    default: reply(&s->ps2, 1, ACK); break;
    }
}

void ps2_keyboard_write(Device *dev, uint8_t value)
{
    Keyboard *s = (Keyboard *)dev;

    if (s->r.common.write_cmd != -1) {
        keyboard_argument(s, s->r.common.write_cmd, value);
        return;
    }
    switch (value) {
    case 0x00: reply(&s->ps2, 1, ACK); break;
    case 0x05: reply(&s->ps2, 1, KBD_RESEND); break;
    case KBD_ECHO: reply(&s->ps2, 1, KBD_ECHO); break;
    case KBD_ID: reply(&s->ps2, 3, ACK, 0xab, s->r.translate ? 0x41 : 0x83); break;
    case KBD_ENABLE:
        s->r.scan_enabled = 1;
        reply(&s->ps2, 1, ACK);
        break;
    case KBD_SCANCODE_SET:
    case KBD_SET_LEDS:
    case KBD_RATE:
        s->r.common.write_cmd = value;
        reply(&s->ps2, 1, ACK);
        break;
    case KBD_DISABLE:
    case KBD_DEFAULTS:
        keyboard_defaults(s, value == KBD_DEFAULTS);
        reply(&s->ps2, 1, ACK);
        break;
    case KBD_RESET:
        keyboard_defaults(s, true);
        reply(&s->ps2, 2, ACK, SELF_TEST_OK);
        break;
    default: reply(&s->ps2, 1, value >= 0xf7 && value <= 0xfd ? ACK : KBD_RESEND); break;
    }
}

void ps2_keyboard_set_translation(Device *dev, bool on)
{
    ((Keyboard *)dev)->r.translate = on;
}

static void keyboard_reset(Device *dev, ResetKind kind)
{
    Keyboard *s = (Keyboard *)dev;

    s->r.common.write_cmd = -1;
    s->r.translate = 0;
    s->r.need_high_bit = false;
    keyboard_defaults(s, true);
    memset(s->r.common.data, 0, sizeof(s->r.common.data));
    irq_lower(s->ps2.irq);
}

/* ---- mouse ---- */

enum {
    MOUSE_SCALE11 = 0xe6,
    MOUSE_SCALE21 = 0xe7,
    MOUSE_RESOLUTION = 0xe8,
    MOUSE_STATUS = 0xe9,
    MOUSE_STREAM = 0xea,
    MOUSE_POLL = 0xeb,
    MOUSE_END_WRAP = 0xec,
    MOUSE_WRAP = 0xee,
    MOUSE_REMOTE = 0xf0,
    MOUSE_ID = 0xf2,
    MOUSE_RATE = 0xf3,
    MOUSE_ENABLE = 0xf4,
    MOUSE_DISABLE = 0xf5,
    MOUSE_DEFAULTS = 0xf6,
    MOUSE_RESET = 0xff,
    STATUS_SCALE21 = 0x10,
    STATUS_ENABLED = 0x20,
    STATUS_REMOTE = 0x40,
};

/* Takes up to one packet of the movement; false when the queue has no room for it. */
static bool mouse_packet(Mouse *s, uint8_t *out, int *n)
{
    MouseSaved *r = &s->r;
    int dx = CLAMP(r->mouse_dx, -255, 255), dy = CLAMP(r->mouse_dy, -255, 255);
    int dz = CLAMP(r->mouse_dz, r->mouse_type == 4 ? -7 : -127, r->mouse_type == 4 ? 7 : 127);

    out[0] = (uint8_t)(0x08 | (dx < 0) << 4 | (dy < 0) << 5 | (r->mouse_buttons & 7));
    out[1] = (uint8_t)dx;
    out[2] = (uint8_t)dy;
    *n = 3;
    if (r->mouse_type == 3) {
        out[(*n)++] = (uint8_t)dz;
    } else if (r->mouse_type == 4) {
        out[(*n)++] = (uint8_t)((dz & 0xf) | (r->mouse_buttons & 0x18) << 1);
    } else {
        dz = r->mouse_dz;
    }
    r->mouse_dx -= dx;
    r->mouse_dy -= dy;
    r->mouse_dz -= dz;
    return true;
}

void ps2_mouse_move(Device *dev, int dx, int dy, int dz, unsigned buttons)
{
    Mouse *s = (Mouse *)dev;
    MouseSaved *r = &s->r;
    uint8_t packet[4];
    int n = r->mouse_type ? 4 : 3;

    if (!(r->mouse_status & STATUS_ENABLED)) {
        return;
    }
    r->mouse_dx = CLAMP(r->mouse_dx + CLAMP(dx, -4096, 4096), -65536, 65536);
    r->mouse_dy = CLAMP(r->mouse_dy - CLAMP(dy, -4096, 4096), -65536, 65536);
    r->mouse_dz = CLAMP(r->mouse_dz + CLAMP(dz, -4096, 4096), -65536, 65536);
    r->mouse_buttons = (uint8_t)buttons;
    if (r->mouse_status & STATUS_REMOTE) {
        return;
    }
    do {
        if (s->ps2.q->count + n > EVENT_LIMIT) {
            return; /* the rest goes with the next movement */
        }
        mouse_packet(s, packet, &n);
        put_event(&s->ps2, packet, n);
    } while (r->mouse_dx || r->mouse_dy || r->mouse_dz);
    vm_wakeup_request(device_vm(dev));
}

static void mouse_defaults(Mouse *s)
{
    s->r.mouse_sample_rate = 100;
    s->r.mouse_resolution = 2;
    s->r.mouse_status = 0;
    s->r.mouse_dx = s->r.mouse_dy = s->r.mouse_dz = 0;
}

/* 200, 100, 80 makes it a wheel mouse; then 200, 200, 80 one with five buttons. */
static void mouse_detect(Mouse *s, uint8_t rate)
{
    MouseSaved *r = &s->r;

    switch (r->mouse_detect_state) {
    case 1: r->mouse_detect_state = rate == 100 ? 2 : rate == 200 ? 3 : 0; break;
    case 2:
        if (rate == 80) {
            r->mouse_type = 3;
        }
        r->mouse_detect_state = 0;
        break;
    case 3:
        if (rate == 80) {
            r->mouse_type = 4;
        }
        r->mouse_detect_state = 0;
        break;
    default: r->mouse_detect_state = rate == 200; break;
    }
}

static void mouse_command(Mouse *s, uint8_t value)
{
    MouseSaved *r = &s->r;
    uint8_t packet[4];
    int n;

    switch (value) {
    case MOUSE_SCALE11: r->mouse_status &= (uint8_t)~STATUS_SCALE21; break;
    case MOUSE_SCALE21: r->mouse_status |= STATUS_SCALE21; break;
    case MOUSE_STREAM: r->mouse_status &= (uint8_t)~STATUS_REMOTE; break;
    case MOUSE_WRAP: r->mouse_wrap = 1; break;
    case MOUSE_REMOTE: r->mouse_status |= STATUS_REMOTE; break;
    case MOUSE_ENABLE: r->mouse_status |= STATUS_ENABLED; break;
    case MOUSE_DISABLE: r->mouse_status &= (uint8_t)~STATUS_ENABLED; break;
    case MOUSE_DEFAULTS: mouse_defaults(s); break;
    case MOUSE_RESOLUTION:
    case MOUSE_RATE: r->common.write_cmd = value; break;
    case MOUSE_ID: reply(&s->ps2, 2, ACK, r->mouse_type); return;
    case MOUSE_STATUS:
        reply(&s->ps2, 4, ACK,
              r->mouse_status | (r->mouse_buttons & 1) << 2 | (r->mouse_buttons & 2) >> 1 |
                  (r->mouse_buttons & 4) >> 1,
              r->mouse_resolution, r->mouse_sample_rate);
        return;
    case MOUSE_POLL:
        mouse_packet(s, packet, &n);
        reply(&s->ps2, 1 + n, ACK, packet[0], packet[1], packet[2], packet[3]);
        return;
    case MOUSE_RESET:
        mouse_defaults(s);
        r->mouse_type = 0;
        clear_queue(&s->ps2);
        reply(&s->ps2, 3, ACK, SELF_TEST_OK, 0);
        return;
    case MOUSE_END_WRAP: break;
    default: reply(&s->ps2, 1, 0xfe); return;
    }
    reply(&s->ps2, 1, ACK);
}

void ps2_mouse_write(Device *dev, uint8_t value)
{
    Mouse *s = (Mouse *)dev;
    int command = s->r.common.write_cmd;

    if (command != -1) {
        s->r.common.write_cmd = -1;
        if (command == MOUSE_RATE) {
            s->r.mouse_sample_rate = value;
            mouse_detect(s, value);
        } else {
            s->r.mouse_resolution = value;
        }
        reply(&s->ps2, 1, ACK);
    } else if (s->r.mouse_wrap && value != MOUSE_END_WRAP && value != MOUSE_RESET) {
        reply(&s->ps2, 1, value);
    } else {
        s->r.mouse_wrap = 0;
        mouse_command(s, value);
    }
}

static void mouse_reset(Device *dev, ResetKind kind)
{
    Mouse *s = (Mouse *)dev;

    memset(&s->r, 0, sizeof(s->r));
    s->r.common.write_cmd = -1;
    clear_queue(&s->ps2);
    irq_lower(s->ps2.irq);
}

/* ---- record descriptions ---- */

static const Record common_record = {
    .name = "PS2 Common State",
    .version = 3,
    .min_version = 2,
    .size = sizeof(Ps2Common),
    .fields = (const Field[]){ F_I32(Ps2Common, write_cmd),
                               F_I32(Ps2Common, rptr, .name = "queue.rptr", .max = QUEUE_SIZE - 1),
                               F_I32(Ps2Common, wptr, .name = "queue.wptr", .max = QUEUE_SIZE - 1),
                               F_I32(Ps2Common, count, .name = "queue.count", .max = QUEUE_SIZE),
                               F_BUFFER(Ps2Common, data, .name = "queue.data"), F_END },
};

static bool leds_needed(const void *saved)
{
    return ((const KeyboardSaved *)saved)->ledstate != 0;
}
static bool high_bit_needed(const void *saved)
{
    return ((const KeyboardSaved *)saved)->need_high_bit;
}
static bool kbd_reply_needed(const void *saved)
{
    return ((const KeyboardSaved *)saved)->cwptr != -1;
}
static bool mouse_reply_needed(const void *saved)
{
    return ((const MouseSaved *)saved)->cwptr != -1;
}

static const Record leds_record = {
    .name = "ps2kbd/ledstate",
    .version = 3,
    .min_version = 2,
    .size = sizeof(KeyboardSaved),
    .fields = (const Field[]){ F_I32(KeyboardSaved, ledstate, .max = 7), F_END },
    .needed = leds_needed,
};
static const Record high_bit_record = {
    .name = "ps2kbd/need_high_bit",
    .version = 1,
    .min_version = 1,
    .size = sizeof(KeyboardSaved),
    .fields = (const Field[]){ F_BOOL(KeyboardSaved, need_high_bit), F_END },
    .needed = high_bit_needed,
};
static const Record kbd_reply_record = {
    .name = "ps2kbd/command_reply_queue",
    .version = 0,
    .min_version = 0,
    .size = sizeof(KeyboardSaved),
    .fields = (const Field[]){ F_I32(KeyboardSaved, cwptr, .name = "parent_obj.queue.cwptr",
                                     .max = QUEUE_SIZE - 1),
                               F_END },
    .needed = kbd_reply_needed,
    .has_present = true,
    .present_offset = offsetof(KeyboardSaved, has_cwptr),
};
static const Record mouse_reply_record = {
    .name = "ps2mouse/command_reply_queue",
    .version = 0,
    .min_version = 0,
    .size = sizeof(MouseSaved),
    .fields = (const Field[]){ F_I32(MouseSaved, cwptr, .name = "parent_obj.queue.cwptr",
                                     .max = QUEUE_SIZE - 1),
                               F_END },
    .needed = mouse_reply_needed,
    .has_present = true,
    .present_offset = offsetof(MouseSaved, has_cwptr),
};

static const Record keyboard_record = {
    .name = "ps2kbd",
    .version = 3,
    .min_version = 2,
    .size = sizeof(KeyboardSaved),
    .fields = (const Field[]){ F_STRUCT(KeyboardSaved, common, common_record, .name = "parent_obj"),
                               F_I32(KeyboardSaved, scan_enabled), F_I32(KeyboardSaved, translate),
                               F_I32(KeyboardSaved, scancode_set, .since = 3, .min = 1, .max = 3),
                               F_END },
    .subsections =
        (const Record *const[]){ &leds_record, &high_bit_record, &kbd_reply_record, NULL },
};

static const Record mouse_record = {
    .name = "ps2mouse",
    .version = 2,
    .min_version = 2,
    .size = sizeof(MouseSaved),
    .fields =
        (const Field[]){ F_STRUCT(MouseSaved, common, common_record, .name = "parent_obj"),
                         F_U8(MouseSaved, mouse_status), F_U8(MouseSaved, mouse_resolution),
                         F_U8(MouseSaved, mouse_sample_rate), F_U8(MouseSaved, mouse_wrap),
                         F_U8(MouseSaved, mouse_type, .max = 4),
                         F_U8(MouseSaved, mouse_detect_state, .max = 3),
                         F_I32(MouseSaved, mouse_dx), F_I32(MouseSaved, mouse_dy),
                         F_I32(MouseSaved, mouse_dz), F_U8(MouseSaved, mouse_buttons), F_END },
    .subsections = (const Record *const[]){ &mouse_reply_record, NULL },
};

static bool check_queue(const Ps2Common *q, bool has_reply, int32_t cwptr, GError **error)
{
    int used = (q->wptr - q->rptr) & (QUEUE_SIZE - 1);

    if (q->count != used && !(used == 0 && q->count == QUEUE_SIZE)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "ps2: queue.count %d is not the %d from rptr to wptr", q->count, used);
        return false;
    }
    if (has_reply && ((cwptr - q->rptr) & (QUEUE_SIZE - 1)) > q->count) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "ps2: queue.cwptr %d is outside of the queue", cwptr);
        return false;
    }
    return true;
}

static void keyboard_save(void *owner, void *saved)
{
    *(KeyboardSaved *)saved = ((Keyboard *)owner)->r;
}
static bool keyboard_check(void *owner, const void *saved, GError **error)
{
    const KeyboardSaved *r = saved;

    return check_queue(&r->common, r->has_cwptr, r->cwptr, error);
}
static void keyboard_install(void *owner, const void *saved)
{
    Keyboard *s = owner;

    s->r = *(const KeyboardSaved *)saved;
    s->r.cwptr = s->r.has_cwptr ? s->r.cwptr : -1;
}

static void mouse_save(void *owner, void *saved)
{
    *(MouseSaved *)saved = ((Mouse *)owner)->r;
}
static bool mouse_check(void *owner, const void *saved, GError **error)
{
    const MouseSaved *r = saved;

    return check_queue(&r->common, r->has_cwptr, r->cwptr, error);
}
static void mouse_install(void *owner, const void *saved)
{
    Mouse *s = owner;

    s->r = *(const MouseSaved *)saved;
    s->r.cwptr = s->r.has_cwptr ? s->r.cwptr : -1;
    s->r.mouse_dx = CLAMP(s->r.mouse_dx, -65536, 65536);
    s->r.mouse_dy = CLAMP(s->r.mouse_dy, -65536, 65536);
    s->r.mouse_dz = CLAMP(s->r.mouse_dz, -65536, 65536);
}

static const SectionOps keyboard_section_ops = { keyboard_save, keyboard_check, keyboard_install,
                                                 NULL };
static const SectionOps mouse_section_ops = { mouse_save, mouse_check, mouse_install, NULL };
static const SectionDesc keyboard_section = { .record = &keyboard_record,
                                              .ops = &keyboard_section_ops };
static const SectionDesc mouse_section = { .record = &mouse_record, .ops = &mouse_section_ops };

/* ---- the user ---- */

static void user_key(void *opaque, InputKey key, bool down)
{
    unsigned code = input_key_scancode(key);

    if (code) {
        ps2_keyboard_key(opaque, code, down);
    }
}

static void user_move(void *opaque, int dx, int dy)
{
    Mouse *s = opaque;

    s->dx = CLAMP(s->dx + dx, -65536, 65536);
    s->dy = CLAMP(s->dy + dy, -65536, 65536);
}

static void user_button(void *opaque, InputButton button, bool down)
{
    static const uint8_t mask[INPUT_BUTTON__COUNT] = { [INPUT_BUTTON_LEFT] = 1,
                                                       [INPUT_BUTTON_RIGHT] = 2,
                                                       [INPUT_BUTTON_MIDDLE] = 4,
                                                       [INPUT_BUTTON_SIDE] = 8,
                                                       [INPUT_BUTTON_EXTRA] = 16 };
    Mouse *s = opaque;

    if (button == INPUT_BUTTON_WHEEL_UP || button == INPUT_BUTTON_WHEEL_DOWN) {
        s->dz += !down ? 0 : button == INPUT_BUTTON_WHEEL_UP ? -1 : 1;
    }
    s->buttons = down ? s->buttons | mask[button] : s->buttons & ~(unsigned)mask[button];
}

static void user_sync(void *opaque)
{
    Mouse *s = opaque;

    ps2_mouse_move(&s->ps2.dev, s->dx, s->dy, s->dz, s->buttons);
    s->dx = s->dy = s->dz = 0;
}

static bool keyboard_realize(Device *dev, GError **error)
{
    static const InputHandlerOps ops = { .name = "PS/2 Keyboard", .key = user_key };

    ((Ps2 *)dev)->handler = input_handler_add(device_vm(dev), &ops, dev);
    return true;
}

static bool mouse_realize(Device *dev, GError **error)
{
    static const InputHandlerOps ops = {
        .name = "PS/2 Mouse", .move = user_move, .button = user_button, .sync = user_sync
    };

    ((Ps2 *)dev)->handler = input_handler_add(device_vm(dev), &ops, dev);
    return true;
}

static void ps2_unrealize(Device *dev)
{
    g_clear_pointer(&((Ps2 *)dev)->handler, input_handler_remove);
}

/* ---- types ---- */

static void keyboard_init(Object *obj)
{
    Keyboard *s = (Keyboard *)obj;

    s->ps2.q = &s->r.common;
    s->ps2.cwptr = &s->r.cwptr;
    device_add_gpio_out(&s->ps2.dev, NULL, &s->ps2.irq, 1);
}

static void mouse_init(Object *obj)
{
    Mouse *s = (Mouse *)obj;

    s->ps2.q = &s->r.common;
    s->ps2.cwptr = &s->r.cwptr;
    device_add_gpio_out(&s->ps2.dev, NULL, &s->ps2.irq, 1);
}

static const DeviceOps keyboard_ops = {
    .category = DEVICE_CATEGORY_INPUT,
    .realize = keyboard_realize,
    .unrealize = ps2_unrealize,
    .reset = keyboard_reset,
    .section = &keyboard_section,
};
static const DeviceOps mouse_ops = {
    .category = DEVICE_CATEGORY_INPUT,
    .realize = mouse_realize,
    .unrealize = ps2_unrealize,
    .reset = mouse_reset,
    .section = &mouse_section,
};

const TypeInfo ps2_types[] = {
    { .name = "ps2-device", .parent = "device", .abstract = true },
    { .name = "ps2-kbd",
      .parent = "ps2-device",
      .instance_size = sizeof(Keyboard),
      .ops = &keyboard_ops,
      .init = keyboard_init },
    { .name = "ps2-mouse",
      .parent = "ps2-device",
      .instance_size = sizeof(Mouse),
      .ops = &mouse_ops,
      .init = mouse_init },
};
const size_t ps2_types_n = G_N_ELEMENTS(ps2_types);
