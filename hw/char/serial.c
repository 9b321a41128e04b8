/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * National Semiconductor PC16550D UART.
 *
 * Sending takes no time: a byte goes to the host as soon as the host takes it, and waits in the
 * shift register until then. Receiving is paced by the host and the FIFO; the character timeout
 * uses the programmed line speed. Modem inputs show a connected peer, or, in loopback, MCR.
 */
#include <string.h>
#include "hw/char/serial.h"

/* ---- registers ---- */

enum {
    IER_RX = 0x01,
    IER_THRE = 0x02,
    IER_LINE = 0x04,
    IER_MODEM = 0x08,
    IIR_NONE = 0x01,
    IIR_ID = 0x0f,
    IIR_MODEM = 0x00,
    IIR_THRE = 0x02,
    IIR_RX = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0,
    FCR_ENABLE = 0x01,
    FCR_CLEAR_RX = 0x02,
    FCR_CLEAR_TX = 0x04,
    FCR_STORED = 0xc9,
    LCR_DLAB = 0x80,
    LCR_BREAK = 0x40,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
    MSR_DELTAS = 0x0f,
    LSR_DR = 0x01,
    LSR_OE = 0x02,
    LSR_BI = 0x10,
    LSR_ERRORS = 0x1e,
    LSR_THRE = 0x20,
    LSR_TEMT = 0x40,
};

static const uint8_t rx_triggers[4] = { 1, 4, 8, 14 };

/* ---- FIFOs ---- */

static void fifo_push(SerialFifo *f, uint8_t byte)
{
    f->data[(f->head + f->num++) % SERIAL_FIFO_SIZE] = byte;
}

static uint8_t fifo_pop(SerialFifo *f)
{
    uint8_t byte = f->data[f->head];

    f->head = (f->head + 1) % SERIAL_FIFO_SIZE;
    f->num--;
    return byte;
}

static bool fifo_on(const Serial *s)
{
    return s->r.fcr_vmstate & FCR_ENABLE;
}

static uint32_t rx_trigger(const Serial *s)
{
    return rx_triggers[s->r.fcr_vmstate >> 6];
}

/* ---- interrupt update ---- */

static void update_irq(Serial *s)
{
    const SerialSaved *r = &s->r;
    uint8_t id = IIR_NONE;

    if ((r->ier & IER_LINE) && (r->lsr & LSR_ERRORS)) {
        id = IIR_LINE;
    } else if ((r->ier & IER_RX) && (r->lsr & LSR_DR) &&
               (!fifo_on(s) || r->recv_fifo.num >= rx_trigger(s))) {
        id = IIR_RX;
    } else if ((r->ier & IER_RX) && r->timeout_ipending) {
        id = IIR_TIMEOUT;
    } else if ((r->ier & IER_THRE) && r->thr_ipending) {
        id = IIR_THRE;
    } else if ((r->ier & IER_MODEM) && (r->msr & MSR_DELTAS)) {
        id = IIR_MODEM;
    }
    s->r.iir = (uint8_t)(id | (r->iir & 0xf0));
    irq_set(s->irq, id != IIR_NONE);
}

static void update_char_time(Serial *s)
{
    unsigned bits = 1 + 5 + (s->r.lcr & 3) + (s->r.lcr >> 3 & 1) + (s->r.lcr & 4 ? 2 : 1);
    uint64_t divider = s->r.divider ? s->r.divider : 1;

    s->char_ns = (int64_t)(bits * (uint64_t)NS_PER_SEC / s->baudbase * divider);
}

static int64_t now_ns(Serial *s)
{
    return clock_now_ns(s->vm, CLOCK_KIND_VIRTUAL);
}

/* Bytes that nobody fetches for four characters' time below the trigger level. */
static void on_rx_timeout(void *opaque)
{
    Serial *s = opaque;

    if (s->r.recv_fifo.num) {
        s->r.timeout_ipending = 1;
        update_irq(s);
    }
}

/* ---- receiving ---- */

static void receive_byte(Serial *s, uint8_t byte)
{
    SerialSaved *r = &s->r;

    if (fifo_on(s)) {
        if (r->recv_fifo.num < SERIAL_FIFO_SIZE) {
            fifo_push(&r->recv_fifo, byte);
        } else {
            r->lsr |= LSR_OE;
        }
        timer_arm(s->rx_timeout, now_ns(s) + 4 * s->char_ns);
    } else {
        if (r->lsr & LSR_DR) {
            r->lsr |= LSR_OE;
        }
        r->rbr = byte;
    }
    r->lsr |= LSR_DR;
}

static size_t on_can_receive(void *opaque)
{
    Serial *s = opaque;
    uint32_t num = s->r.recv_fifo.num;

    if (s->r.mcr & MCR_LOOP) {
        return 0; /* the input pin is disconnected */
    }
    if (!fifo_on(s)) {
        return !(s->r.lsr & LSR_DR);
    }
    /* Up to the trigger level at once, then one by one: the guest hears of it in time. */
    return num >= SERIAL_FIFO_SIZE ? 0 : num < rx_trigger(s) ? rx_trigger(s) - num : 1;
}

static void on_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Serial *s = opaque;

    if (s->wakeup) {
        vm_wakeup_request(s->vm);
    }
    for (size_t i = 0; i < len; i++) {
        receive_byte(s, buf[i]);
    }
    update_irq(s);
}

static void on_event(void *opaque, ChardevEvent event)
{
    Serial *s = opaque;

    if (event == CHARDEV_EVENT_BREAK) {
        receive_byte(s, 0);
        s->r.lsr |= LSR_BI;
        update_irq(s);
    }
}

static const ChardevFrontendOps frontend_ops = { on_can_receive, on_receive, on_event };

static uint8_t read_rbr(Serial *s)
{
    SerialSaved *r = &s->r;
    uint8_t byte = r->rbr;

    if (fifo_on(s)) {
        byte = r->recv_fifo.num ? fifo_pop(&r->recv_fifo) : 0;
        if (r->recv_fifo.num) {
            timer_arm(s->rx_timeout, now_ns(s) + 4 * s->char_ns);
        } else {
            timer_cancel(s->rx_timeout);
            r->lsr &= (uint8_t) ~(LSR_DR | LSR_BI);
        }
        r->timeout_ipending = 0;
    } else {
        r->lsr &= (uint8_t) ~(LSR_DR | LSR_BI);
    }
    update_irq(s);
    if (!(r->mcr & MCR_LOOP) && chardev_frontend_attached(&s->chardev)) {
        chardev_frontend_accept_input(&s->chardev);
    }
    return byte;
}

/* ---- sending ---- */

static void send_more(void *opaque);

/* One byte out of the shift register. False: the host takes none now. */
static bool shift_out(Serial *s)
{
    if (s->r.mcr & MCR_LOOP) {
        receive_byte(s, s->r.tsr);
        return true;
    }
    if (!chardev_frontend_attached(&s->chardev)) {
        return true;
    }
    if (chardev_write(&s->chardev, &s->r.tsr, 1) == 1) {
        return true;
    }
    chardev_frontend_watch(&s->chardev, send_more);
    return false;
}

/* Empties THR or the FIFO through the shift register as far as the host takes it. */
static void send_more(void *opaque)
{
    Serial *s = opaque;
    SerialSaved *r = &s->r;

    for (;;) {
        if (!r->tsr_retry) {
            if (r->lsr & LSR_THRE) {
                break;
            }
            r->tsr = fifo_on(s) && r->xmit_fifo.num ? fifo_pop(&r->xmit_fifo) : r->thr;
            if (!fifo_on(s) || !r->xmit_fifo.num) {
                r->lsr |= LSR_THRE;
                r->thr_ipending = 1;
            }
        }
        if (!shift_out(s)) {
            r->tsr_retry = 1;
            update_irq(s);
            return;
        }
        r->tsr_retry = 0;
    }
    r->lsr |= LSR_TEMT;
    update_irq(s);
}

static void write_thr(Serial *s, uint8_t byte)
{
    SerialSaved *r = &s->r;

    r->thr = byte;
    if (fifo_on(s)) {
        if (r->xmit_fifo.num == SERIAL_FIFO_SIZE) {
            fifo_pop(&r->xmit_fifo);
        }
        fifo_push(&r->xmit_fifo, byte);
    }
    r->lsr &= (uint8_t) ~(LSR_THRE | LSR_TEMT);
    r->thr_ipending = 0;
    update_irq(s);
    if (!r->tsr_retry) {
        send_more(s);
    }
}

/* ---- write ---- */

static void clear_rx(Serial *s)
{
    s->r.recv_fifo = (SerialFifo){ 0 };
    s->r.timeout_ipending = 0;
    s->r.lsr &= (uint8_t) ~(LSR_DR | LSR_BI);
    timer_cancel(s->rx_timeout);
}

static void clear_tx(Serial *s)
{
    s->r.xmit_fifo = (SerialFifo){ 0 };
    s->r.lsr |= LSR_THRE;
    s->r.thr_ipending = 1;
}

static void write_fcr(Serial *s, uint8_t value)
{
    if ((value ^ s->r.fcr_vmstate) & FCR_ENABLE) {
        value |= FCR_CLEAR_RX | FCR_CLEAR_TX;
    }
    if (value & FCR_CLEAR_RX) {
        clear_rx(s);
    }
    if (value & FCR_CLEAR_TX) {
        clear_tx(s);
    }
    s->r.fcr_vmstate = value & FCR_STORED;
    s->r.iir = (uint8_t)((s->r.iir & ~IIR_FIFO) | (value & FCR_ENABLE ? IIR_FIFO : 0));
    update_irq(s);
    if (chardev_frontend_attached(&s->chardev)) {
        chardev_frontend_accept_input(&s->chardev);
    }
}

/* The four modem inputs as MCR drives them in loopback, or as a connected peer does. */
static uint8_t modem_lines(const Serial *s)
{
    uint8_t m = s->r.mcr;

    if (!(m & MCR_LOOP)) {
        return MSR_DCD | MSR_DSR | MSR_CTS;
    }
    return (uint8_t)((m & 2 ? MSR_CTS : 0) | (m & 1 ? MSR_DSR : 0) | (m & 4 ? MSR_RI : 0) |
                     (m & 8 ? MSR_DCD : 0));
}

static void update_modem(Serial *s)
{
    uint8_t old = s->r.msr & 0xf0, lines = modem_lines(s), changed = old ^ lines;
    uint8_t deltas = changed >> 4 & 0x0b;

    if ((changed & MSR_RI) && !(lines & MSR_RI)) {
        deltas |= 0x04; /* the trailing edge of a ring */
    }
    s->r.msr = (uint8_t)(lines | (s->r.msr & MSR_DELTAS) | deltas);
    update_irq(s);
}

static void write_mcr(Serial *s, uint8_t value)
{
    bool was_loop = s->r.mcr & MCR_LOOP;

    s->r.mcr = value & 0x1f;
    if (was_loop || (value & MCR_LOOP)) {
        update_modem(s);
    }
    if (was_loop && !(value & MCR_LOOP) && chardev_frontend_attached(&s->chardev)) {
        chardev_frontend_accept_input(&s->chardev);
    }
}

static void write_ier(Serial *s, uint8_t value)
{
    uint8_t changed = s->r.ier ^ value;

    s->r.ier = value & 0x0f;
    if ((changed & value & IER_THRE) && (s->r.lsr & LSR_THRE)) {
        s->r.thr_ipending = 1;
    }
    update_irq(s);
}

static void write_lcr(Serial *s, uint8_t value)
{
    bool was_break = s->r.lcr & LCR_BREAK, is_break = value & LCR_BREAK;

    s->r.lcr = value;
    update_char_time(s);
    if (was_break != is_break && chardev_frontend_attached(&s->chardev)) {
        chardev_frontend_set_break(&s->chardev, is_break);
    }
}

static void uart_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Serial *s = opaque;
    uint8_t byte = (uint8_t)value;
    bool dlab = s->r.lcr & LCR_DLAB;

    switch (addr & 7) {
    case 0:
        if (dlab) {
            s->r.divider = (s->r.divider & 0xff00) | byte;
            update_char_time(s);
        } else {
            write_thr(s, byte);
        }
        break;
    case 1:
        if (dlab) {
            s->r.divider = (uint16_t)((s->r.divider & 0xff) | byte << 8);
            update_char_time(s);
        } else {
            write_ier(s, byte);
        }
        break;
    case 2: write_fcr(s, byte); break;
    case 3: write_lcr(s, byte); break;
    case 4: write_mcr(s, byte); break;
    case 7: s->r.scr = byte; break;
    default: break; /* LSR and MSR are read-only */
    }
}

/* ---- read ---- */

static uint8_t read_iir(Serial *s)
{
    uint8_t value = s->r.iir;

    if ((value & IIR_ID) == IIR_THRE) {
        s->r.thr_ipending = 0;
        update_irq(s);
    }
    return value;
}

static uint8_t read_lsr(Serial *s)
{
    uint8_t value = s->r.lsr;

    if (value & LSR_ERRORS) {
        s->r.lsr &= (uint8_t)~LSR_ERRORS;
        update_irq(s);
    }
    return value;
}

static uint8_t read_msr(Serial *s)
{
    uint8_t value = s->r.msr;

    if (value & MSR_DELTAS) {
        s->r.msr &= (uint8_t)~MSR_DELTAS;
        update_irq(s);
    }
    return value;
}

static uint64_t uart_read(void *opaque, uint64_t addr, unsigned size)
{
    Serial *s = opaque;
    bool dlab = s->r.lcr & LCR_DLAB;

    switch (addr & 7) {
    case 0: return dlab ? s->r.divider & 0xff : read_rbr(s);
    case 1: return dlab ? s->r.divider >> 8 : s->r.ier;
    case 2: return read_iir(s);
    case 3: return s->r.lcr;
    case 4: return s->r.mcr;
    case 5: return read_lsr(s);
    case 6: return read_msr(s);
    default: return s->r.scr;
    }
}

static const RegionOps uart_ops = { .read = uart_read, .write = uart_write, .impl = { 1, 1 } };

/* ---- reset, realize ---- */

void serial_reset(Serial *s)
{
    s->r = (SerialSaved){ .divider = 0x0c,
                          .iir = IIR_NONE,
                          .lsr = LSR_TEMT | LSR_THRE,
                          .msr = MSR_DCD | MSR_DSR | MSR_CTS,
                          .mcr = MCR_OUT2,
                          .poll_msl = -1 };
    timer_cancel(s->rx_timeout);
    chardev_frontend_unwatch(&s->chardev);
    update_char_time(s);
    irq_lower(s->irq);
}

bool serial_init(Serial *s, Device *owner, Irq *irq, const char *chardev_id, GError **error)
{
    Vm *vm = device_vm(owner);

    s->vm = vm;
    s->irq = irq;
    if (s->baudbase == 0) {
        s->baudbase = 115200;
    }
    if (chardev_id && *chardev_id) {
        Chardev *chardev = chardevs_lookup(vm->chardevs, chardev_id, error);

        if (!chardev || !chardev_frontend_attach(&s->chardev, chardev, &frontend_ops, s, error)) {
            return false;
        }
    }
    s->rx_timeout = timer_new(vm, CLOCK_KIND_VIRTUAL, "serial-rx-timeout", on_rx_timeout, s);
    serial_reset(s);
    memory_region_init_io(&s->io, vm, &owner->obj, &uart_ops, s, "serial", 8);
    return true;
}

void serial_clear(Serial *s)
{
    chardev_frontend_detach(&s->chardev);
    g_clear_pointer(&s->rx_timeout, timer_free);
    memory_region_clear(&s->io);
}

/* ---- record description ---- */

static bool thr_needed(const void *saved)
{
    const SerialSaved *r = saved;

    /* With its interrupt off THRE is looked at again when it is enabled. */
    return (r->ier & IER_THRE) && r->thr_ipending != ((r->iir & IIR_ID) == IIR_THRE);
}
static bool tsr_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->tsr_retry != 0;
}
static bool recv_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->recv_fifo.num != 0;
}
static bool xmit_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->xmit_fifo.num != 0;
}
static bool timer_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->fifo_timeout_timer != -1;
}
static bool timeout_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->timeout_ipending != 0;
}
static bool poll_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->poll_msl >= 0;
}

static const Record fifo_record = {
    .name = "Fifo8",
    .version = 1,
    .min_version = 1,
    .size = sizeof(SerialFifo),
    .fields = (const Field[]){ F_BUFFER(SerialFifo, data),
                               F_U32(SerialFifo, head, .max = SERIAL_FIFO_SIZE - 1),
                               F_U32(SerialFifo, num, .max = SERIAL_FIFO_SIZE), F_END },
};

#define SUBSECTION(leaf_, needed_, ...)                                                        \
    {                                                                                          \
        .name = "serial/" #leaf_, .version = 1, .min_version = 1, .size = sizeof(SerialSaved), \
        .needed = needed_, .has_present = true,                                                \
        .present_offset = offsetof(SerialSaved, has_##leaf_), .fields = (const Field[])        \
        {                                                                                      \
            __VA_ARGS__, F_END                                                                 \
        }                                                                                      \
    }

static const Record sub_thr =
    SUBSECTION(thr_ipending, thr_needed, F_I32(SerialSaved, thr_ipending));
static const Record sub_tsr = SUBSECTION(tsr, tsr_needed, F_U32(SerialSaved, tsr_retry),
                                         F_U8(SerialSaved, thr), F_U8(SerialSaved, tsr));
static const Record sub_recv =
    SUBSECTION(recv_fifo, recv_needed, F_STRUCT(SerialSaved, recv_fifo, fifo_record));
static const Record sub_xmit =
    SUBSECTION(xmit_fifo, xmit_needed, F_STRUCT(SerialSaved, xmit_fifo, fifo_record));
static const Record sub_timer =
    SUBSECTION(fifo_timeout_timer, timer_needed, F_TIMER(SerialSaved, fifo_timeout_timer));
static const Record sub_timeout =
    SUBSECTION(timeout_ipending, timeout_needed, F_I32(SerialSaved, timeout_ipending));
static const Record sub_poll = SUBSECTION(poll, poll_needed, F_I32(SerialSaved, poll_msl),
                                          F_TIMER(SerialSaved, modem_status_poll));

const Record serial_record = {
    .name = "serial",
    .version = 3,
    .min_version = 2,
    .size = sizeof(SerialSaved),
    .fields =
        (const Field[]){ F_U16(SerialSaved, divider), F_U8(SerialSaved, rbr),
                         F_U8(SerialSaved, ier), F_U8(SerialSaved, iir), F_U8(SerialSaved, lcr),
                         F_U8(SerialSaved, mcr), F_U8(SerialSaved, lsr), F_U8(SerialSaved, msr),
                         F_U8(SerialSaved, scr), F_U8(SerialSaved, fcr_vmstate, .since = 3),
                         F_END },
    .subsections = (const Record *const[]){ &sub_thr, &sub_tsr, &sub_recv, &sub_xmit, &sub_timer,
                                            &sub_timeout, &sub_poll, NULL },
};

void serial_save(Serial *s, SerialSaved *to)
{
    *to = s->r;
    to->fifo_timeout_timer = timer_pending(s->rx_timeout) ? timer_expire_ns(s->rx_timeout) : -1;
    to->poll_msl = -1;
    to->modem_status_poll = -1;
}

bool serial_check(const SerialSaved *r, GError **error)
{
    if (r->has_tsr && r->tsr_retry > 4) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "serial: tsr_retry %u is over its limit of 4", r->tsr_retry);
        return false;
    }
    return true;
}

void serial_install(Serial *s, const SerialSaved *r)
{
    s->r = *r;
    s->r.fcr_vmstate &= FCR_STORED;
    if (!r->has_thr_ipending) {
        s->r.thr_ipending = (r->iir & IIR_ID) == IIR_THRE;
    }
    if (r->has_fifo_timeout_timer && r->fifo_timeout_timer != -1) {
        timer_arm(s->rx_timeout, r->fifo_timeout_timer);
    } else {
        timer_cancel(s->rx_timeout);
    }
    update_char_time(s);
}

void serial_installed(Serial *s)
{
    if (s->r.tsr_retry) {
        send_more(s);
    }
    if (chardev_frontend_attached(&s->chardev)) {
        chardev_frontend_accept_input(&s->chardev);
    }
}
