/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the parts of the GDB server: framing, commands, run control. */
#pragma once
#include "exec/gdb.h"
#include "gdbstub/gdbstub.h"

#define GDB_PACKET_MAX 0x4000 /* bytes between '$' and '#', announced as PacketSize */

/* ---- framing ---- */
typedef enum {
    GDB_IDLE,
    GDB_BODY,
    GDB_ESCAPE,
    GDB_SUM_HIGH,
    GDB_SUM_LOW,
} GdbFrameState;

typedef enum {
    GDB_INPUT_NOTHING, /* more bytes are needed */
    GDB_INPUT_PACKET,  /* packet holds a good one */
    GDB_INPUT_BAD,     /* wrong checksum or too long: ask for it again */
    GDB_INPUT_BREAK,   /* the interrupt byte */
    GDB_INPUT_ACK,
    GDB_INPUT_NAK,
} GdbInput;

typedef struct {
    GdbFrameState state;
    GByteArray *packet; /* owned; the body, escapes undone */
    uint8_t sum, want;
    bool too_long;
} GdbFrame;

void gdb_frame_init(GdbFrame *f);
void gdb_frame_clear(GdbFrame *f);
void gdb_frame_reset(GdbFrame *f);
/* Feed one byte. After GDB_INPUT_PACKET the body stands until the next byte. */
GdbInput gdb_frame_byte(GdbFrame *f, uint8_t byte);
/* '$' body '#' sum, with escapes. */
GString *gdb_frame_wrap(const char *body, size_t len);

void gdb_hex_append(GString *s, const uint8_t *bytes, size_t len);
/* Exactly len bytes from 2 * len digits at text; false: not hexadecimal. */
bool gdb_hex_parse(const char *text, uint8_t *bytes, size_t len);
/* A number in hexadecimal; *p is moved behind it. False: no digit, or more than 64 bits. */
bool gdb_number(const char **p, uint64_t *v);

/* ---- breakpoints ---- */
typedef enum {
    GDB_POINT_SOFT,
    GDB_POINT_HARD,
    GDB_POINT_WRITE,
    GDB_POINT_READ,
    GDB_POINT_ACCESS,
    GDB_POINT_KINDS,
} GdbPointKind;

typedef struct {
    GdbPointKind kind;
    uint64_t addr, len;
} GdbPoint;

struct GdbServer {
    GdbHost host;
    ChardevFrontend chr;
    GdbFrame frame;
    GString *out;  /* not sent yet */
    GString *last; /* the last packet, for a NAK */
    bool no_ack;
    bool connected;
    bool waiting; /* the debugger let the guest go and waits for a stop */
    bool says_why; /* the debugger knows swbreak and hwbreak */
    bool physical; /* memory commands use physical addresses */
    unsigned step_flags;
    CpuState *cpu;     /* of g, p, m ("Hg") */
    CpuState *run_cpu; /* of c and s ("Hc"), NULL: all */
    CpuState *stopped; /* whose stop is told */
    GArray *points;    /* GdbPoint, set in every vCPU */
    RunStateHandler *run_handler;
    Notifier exit_notifier;
    GString *xml; /* target description */
};

/* ---- server ---- */
void gdb_reply(GdbServer *s, const char *body);
void gdb_reply_bytes(GdbServer *s, const char *body, size_t len);
unsigned gdb_thread_of(const CpuState *cpu);
/* By thread number; 0 is any, i.e. the first. NULL: no such. */
CpuState *gdb_cpu_of(GdbServer *s, uint64_t thread);
/* The stop reply for a stopped state; the caller frees it. */
char *gdb_stop_reply(GdbServer *s, RunState state);
typedef enum {
    GDB_HOLD,
    GDB_GO,
    GDB_STEP,
} GdbAction;
/* Let the guest go; action by vCPU index. Answers the debugger itself on failure. */
void gdb_resume(GdbServer *s, const GdbAction *action);

/* ---- commands ---- */
/* One packet; the text is NUL-terminated behind len. */
void gdb_command(GdbServer *s, const char *text, size_t len);

/* ---- breakpoints ---- */
bool gdb_point_insert(GdbServer *s, const GdbPoint *p);
bool gdb_point_remove(GdbServer *s, const GdbPoint *p);
void gdb_points_clear(GdbServer *s);
/* The watchpoint that va hits, or NULL. */
const GdbPoint *gdb_point_watching(GdbServer *s, uint64_t va);
bool gdb_point_at(GdbServer *s, GdbPointKind kind, uint64_t pc);

/* ---- description ---- */
GString *gdb_target_xml(const CpuGdb *gdb);
unsigned gdb_reg_count(const CpuGdb *gdb);
/* NULL: no such number. */
const CpuGdbReg *gdb_reg(const CpuGdb *gdb, uint64_t number);
