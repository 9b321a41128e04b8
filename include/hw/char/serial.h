/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A UART: the core that an ISA, PCI or memory-mapped front shares, and "isa-serial".
 *
 * A front embeds a Serial, gives it a line and shows Serial.io (8 bytes). VM lock held.
 */
#pragma once
#include "backend/chardev/chardev.h"
#include "hw/core/device.h"

#define SERIAL_FIFO_SIZE 16

typedef struct {
    uint8_t data[SERIAL_FIFO_SIZE];
    uint32_t head, num;
} SerialFifo;

/* Saved form: the struct "serial" version 3 inside each front's record. */
typedef struct {
    uint16_t divider;
    uint8_t rbr, ier, iir, lcr, mcr, lsr, msr, scr, fcr_vmstate;
    int32_t thr_ipending;
    uint32_t tsr_retry;
    uint8_t thr, tsr;
    SerialFifo recv_fifo, xmit_fifo;
    int64_t fifo_timeout_timer;
    int32_t timeout_ipending;
    int32_t poll_msl;
    int64_t modem_status_poll;
    bool has_thr_ipending, has_tsr, has_recv_fifo, has_xmit_fifo, has_fifo_timeout_timer,
        has_timeout_ipending, has_poll;
} SerialSaved;

typedef struct {
    Vm *vm;
    SerialSaved r; /* fcr_vmstate is FCR */
    Irq *irq;
    Timer *rx_timeout;
    ChardevFrontend chardev;
    int64_t char_ns;   /* time of one character on the line */
    uint32_t baudbase; /* Hz of the clock, divided by 16 */
    bool wakeup;       /* input wakes a suspended guest */
    MemoryRegion io;
} Serial;

/* @chardev_id NULL: nothing connected. Attaches, makes io. */
bool serial_init(Serial *s, Device *owner, Irq *irq, const char *chardev_id, GError **error);
void serial_clear(Serial *s);
void serial_reset(Serial *s);
/* The record and what a front's SectionOps do with their embedded saved form. */
extern const Record serial_record;
void serial_save(Serial *s, SerialSaved *to);
bool serial_check(const SerialSaved *r, GError **error);
void serial_install(Serial *s, const SerialSaved *r);
void serial_installed(Serial *s);

extern const TypeInfo serial_types[];
extern const size_t serial_types_n;
